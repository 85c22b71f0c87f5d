# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is waited for, and who speaks, when hosts have failed since they answered."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.roles import ROLES, role_variable

HOSTS = ("pg1", "pg2", "pg3", "pg4")


def value(role: str, name: str, in_play: list[str], with_data: tuple[str, ...] = ()) -> Any:
    """A variable of the role, where pg4 is declared and has not answered."""
    told = {host: {"etcd_data_directory": {"has_member": host in with_data}} for host in HOSTS}
    known = {
        "hostvars": {host: {"__pgcluster_answer": {"host": told[host]}} for host in HOSTS},
        "ansible_play_hosts": in_play,
        "pgcluster_reached": ["pg1", "pg2", "pg3"],
        "pgcluster_topology": {"etcd": dict.fromkeys(HOSTS, ""), "postgres": dict.fromkeys(HOSTS, "")},
    }
    return role_variable(role, name, known)


@pytest.mark.parametrize("role", ["etcd", "patroni"])
@pytest.mark.parametrize("in_play", [["pg1", "pg2", "pg3"], ["pg1", "pg2"], ["pg2", "pg3"], ["pg3"]], ids="-".join)
def test_who_has_failed_is_not_waited_for(role, in_play):
    assert value(role, f"__{role}_in_play", in_play) == in_play


def test_another_one_speaks_for_etcd():
    assert value("etcd", "__etcd_speaker", ["pg2", "pg3"]) == "pg2"


def test_a_member_that_has_failed_is_a_member_still():
    """Taken for gone, the others would found a new store beside its data."""
    assert value("etcd", "__etcd_with_data", ["pg2", "pg3"], with_data=("pg1",)) == ["pg1"]
    assert value("etcd", "__etcd_founds", ["pg2", "pg3"], with_data=("pg1",)) is False
    assert value("etcd", "__etcd_joining", ["pg2"], with_data=("pg1",)) == ["pg2"]


def test_nobody_takes_the_place_of_a_speaker_that_refuses():
    """The role's refusals are the speaker's: who speaks is noted before them, and not computed anew after them."""
    first, *_rest = yaml.safe_load((ROLES / "patroni" / "tasks" / "cluster.yml").read_text(encoding="utf-8"))
    assert list(first["ansible.builtin.set_fact"]) == ["__patroni_speaker"]
    computed = "".join(path.read_text(encoding="utf-8") for path in (ROLES / "patroni" / "vars").glob("**/*.yml"))
    assert "__patroni_speaker:" not in computed
