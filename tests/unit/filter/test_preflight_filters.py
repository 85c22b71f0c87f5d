# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters hand over plain data and tell errors as Ansible does."""

from __future__ import annotations

import json

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.matriarch.pgcluster.plugins.filter.preflight import FilterModule

FILTERS = FilterModule().filters()
WISH = {
    "name": "main",
    "etcd": {"db1": "10.0.0.1"},
    "postgres": {"db1": "10.0.0.1"},
    "proxy": {"db1": "10.0.0.1"},
    "hosts_in_play": ["db1"],
    "postgresql_major": "17",
    "protection": "async",
    "secrets_present": False,
    "collection_version": "0.1.0",
}


def test_problems_and_their_report():
    problems = FILTERS["preflight_problems"](WISH, {"db1": None})
    assert json.loads(json.dumps(problems)) == [
        {
            "host": "db1",
            "id": "unreachable",
            "problem": "it cannot be reached, and a first installation needs every host",
            "remedy": "make it reachable and run again",
            "severity": "refuse",
        }
    ]
    assert FILTERS["preflight_report"](problems).splitlines() == [
        "Nothing was changed, because:",
        "- db1: it cannot be reached, and a first installation needs every host [unreachable]",
        "    Make it reachable and run again.",
    ]


@pytest.mark.parametrize(
    ("name", "arguments", "reason"),
    [
        ("preflight_problems", ({}, {}), "the wish lacks 'etcd'"),
        ("preflight_problems", ({**WISH, "postgresql_major": "new"}, {}), "makes no sense"),
        ("preflight_problems", ({**WISH, "etcd": ["db1"]}, {}), "makes no sense"),
        ("preflight_report", ([{"id": "x"}],), "no findings"),
    ],
)
def test_errors_are_ansibles(name, arguments, reason):
    with pytest.raises(AnsibleFilterError, match=reason):
        FILTERS[name](*arguments)
