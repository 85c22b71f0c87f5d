"""What of a host's names is an address."""

from __future__ import annotations

import pytest
from ansible_collections.matriarch.pgcluster.plugins.filter.subject_alt_names import subject_alt_names


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("10.0.0.1", "IP"),
        ("2001:db8::1", "IP"),
        ("::1", "IP"),
        ("db1", "DNS"),
        ("db1.example.org", "DNS"),
        ("10.0.0.1.example.org", "DNS"),
        ("10.0.0.256", "DNS"),
        ("12", "DNS"),
        ("*.example.org", "DNS"),
    ],
)
def test_an_address_is_told_from_a_name(name, kind):
    assert subject_alt_names([name]) == [f"{kind}:{name}"]


def test_each_is_listed_once_and_in_order():
    assert subject_alt_names(["b", "10.0.0.1", "a", "b"]) == ["DNS:b", "IP:10.0.0.1", "DNS:a"]


def test_an_address_has_one_form_only():
    assert subject_alt_names(["2001:DB8:0:0:0:0:0:1", "2001:db8::1"]) == ["IP:2001:db8::1"]
