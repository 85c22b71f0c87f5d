# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Package repositories as apt's files."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.matriarch.pgcluster.plugins.filter.repositories import apt_sources

KEY = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmDME\n-----END PGP PUBLIC KEY BLOCK-----\n"
LOCAL = {"name": "Local 16", "uris": "http://apt.example", "suites": ["a", "b"], "components": "main"}


def test_a_repository_is_a_file_of_fields():
    [source] = apt_sources([{**LOCAL, "signed_by": KEY, "check_date": False}])
    assert source["path"] == "/etc/apt/sources.list.d/local-16.sources"
    assert source["content"] == (
        "Types: deb\nURIs: http://apt.example\nSuites: a b\nComponents: main\n"
        "Signed-By: \n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mDME\n -----END PGP PUBLIC KEY BLOCK-----\n"
        "Check-Date: no\n"
    )


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"uri": "http://apt.example"}, "unknown uri; known are"),
        ({"state": "absent"}, "unknown state"),
        ({"signed_by": "https://apt.example/key.asc"}, "signed_by is an address"),
        ({"name": ""}, "without a name"),
    ],
)
def test_what_apt_would_not_understand_is_refused(wrong, said):
    with pytest.raises(AnsibleFilterError, match=said):
        apt_sources([{**LOCAL, **wrong}])
