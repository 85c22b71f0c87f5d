# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a fault is made of on its host."""

from __future__ import annotations

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.host_fault import (
    WHOLE_NETWORK,
    Place,
    means,
    ruleset,
)

PLACE = Place(postmaster=812, patroni=640, peers=("10.0.0.12", "10.0.0.13"))


@pytest.mark.parametrize(
    ("fault", "undone_by"),
    [
        ("kill_postgres", ()),
        ("kill_patroni", ()),
        ("power_cut", ()),
        ("freeze_patroni", ("systemctl", "kill", "--kill-whom=main", "--signal=CONT", "patroni.service")),
        ("stop_patroni", ("systemctl", "start", "patroni.service")),
        ("stop_etcd", ("systemctl", "start", "etcd.service")),
        ("stop_proxy", ("systemctl", "start", "haproxy.service", "pgbouncer@rw.service", "pgbouncer@ro.service")),
        ("partition", WHOLE_NETWORK),
        ("cut_etcd", WHOLE_NETWORK),
    ],
)
def test_what_does_not_mend_itself_has_one_command_that_undoes_it(fault: str, undone_by: tuple[str, ...]) -> None:
    assert means(fault, PLACE).heal == undone_by


def test_processes_are_named_by_their_number() -> None:
    assert means("kill_postgres", PLACE).inject == ("kill", "-KILL", "812")
    assert means("freeze_patroni", PLACE).subjects == ("640",)


def test_a_power_cut_neither_stops_nor_writes_anything() -> None:
    command = means("power_cut", PLACE).inject
    assert command[-4:] == ("reboot", "--force", "--force", "--no-sync")


def test_a_partition_leaves_ssh_before_it_drops_the_peers() -> None:
    rules = ruleset(PLACE)
    assert rules.index("tcp dport 22 accept") < rules.index("ip saddr { 10.0.0.12, 10.0.0.13 } counter drop")
    assert rules.count("tcp sport 22 accept") == 2
    assert "ip daddr { 10.0.0.12, 10.0.0.13 } counter drop" in rules
    assert "ip6" not in rules


def test_some_ports_alone_leave_everything_else() -> None:
    rules = ruleset(Place(peers=("10.0.0.12", "fd00::12"), ports=(2379, 2380), ssh_port=2222))
    for part in ("ip saddr { 10.0.0.12 } tcp dport { 2379, 2380 }", "ip6 daddr { fd00::12 } tcp sport { 2379, 2380 }"):
        assert f"{part} counter drop;" in rules
    assert "accept" not in rules


def test_a_fault_that_is_none() -> None:
    with pytest.raises(KeyError):
        means("fire", PLACE)
