# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters hand over plain data and tell errors as Ansible does."""

from __future__ import annotations

import json

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.matriarch.pgcluster.plugins.filter.timing import FilterModule

FILTERS = FilterModule().filters()


def test_from_preset_to_violations():
    settings = FILTERS["timing"]("fast")
    assert (settings["ttl"], settings["guard_timeout"]) == (20, 15)
    bounds = FILTERS["timing_bounds"](settings)
    assert max(bound["seconds"] for bound in bounds) == 28.7
    assert bounds[0]["terms"][0] == {"what": "Patroni looks after PostgreSQL (loop_wait)", "seconds": 2.0}
    assert FILTERS["timing_violations"](settings, "30") == []
    (violation,) = FILTERS["timing_violations"](settings, 20)
    assert violation["id"] == "declared_rto"
    json.dumps([settings, bounds, violation])


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("timing", ("quick",)),
        ("timing", ("fast", {"ttl": "x"})),
        ("timing_bounds", ({},)),
        ("timing_violations", ({}, 30)),
    ],
)
def test_errors_are_ansibles(name, arguments):
    with pytest.raises(AnsibleFilterError):
        FILTERS[name](*arguments)


def test_a_declared_time_that_is_no_number():
    with pytest.raises(AnsibleFilterError, match="soon"):
        FILTERS["timing_violations"](FILTERS["timing"]("fast"), "soon")
