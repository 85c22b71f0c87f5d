"""Fencing (faults A09, A10, B01 with a power switch): only the switch's proof takes the key from a silent leader."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

import pytest
from faults.arena import Arena
from faults.load import DIRECT, POOLED, RW
from faults.nemesis.bystanders import StandbyIsolated
from faults.nemesis.fencing import FencedFreeze, FencedIsolation, FencedPowerCut, shortest_lease
from faults.nemesis.network import LinkToStandbyCut, LossyNetwork, RestBlocked
from faults.nemesis.processes import PowerCut, SilentPatroni
from faults.power_switch import Mood, PowerSwitch, wait_for_order
from faults.trial import MakeFault
from faults.undo import every
from faults.verdict import Verdict
from integration.inventory import Cluster
from integration.operations import is_whole, play, standing
from integration.watch import Connect, eventually

Happens = Callable[..., Verdict]
RUNS = int(os.environ.get("MATRIARCH_FAULTS_FENCING_RUNS", "1"))
SUSPECT = float(os.environ.get("MATRIARCH_FAULTS_SUSPECT_SECONDS", "1.5"))
# Longer than the fencer's patience with a silent host, and shorter than any lease.
SUSPICION_SECONDS = 8.0
WHOLE_SECONDS = 180
ROUTES = "ip -4 route show proto 186"


@pytest.fixture(scope="module")
def switch(arena: Arena, cluster: Cluster) -> Iterator[PowerSwitch]:
    made = PowerSwitch(arena)
    made.install()
    # A command that hangs has to be given up before the lease is over, so that its end is seen.
    wish: dict[str, Any] = {
        "fencing_command": made.command,
        "fencing_command_seconds": 8,
        "fencing_suspect_seconds": SUSPECT,
    }
    try:
        deployed = play(cluster, "site", **wish)
        assert deployed.ok, deployed.tail
        again = play(cluster, "site", **wish)
        assert again.ok, again.tail
        assert not again.changed, again.changes
        checked = play(cluster, "site", check=True, **wish)
        assert checked.ok, checked.tail
        assert not checked.changed, checked.changes
        yield made
    finally:
        made.close()
        without = play(cluster, "site")
        assert without.ok, without.tail
        for name in arena.names:
            assert arena.shell(name, "systemctl is-active matriarch-fencer || :") == "inactive"
            assert "fenc" not in arena.shell(name, "ls /etc/matriarch /usr/local/libexec /etc/systemd/system")


@pytest.fixture(autouse=True)
def nothing_was_asked(switch: PowerSwitch) -> None:
    switch.mood = "works"
    switch.asked.clear()


def journals(arena: Arena) -> str:
    """What the fencers have said since their hosts booted."""
    return "\n".join(arena.run(name, "journalctl", "--unit=matriarch-fencer", "--boot") for name in arena.names)


def test_A10_power_cut_with_proof(happens: Happens, arena: Arena, switch: PowerSwitch) -> None:
    verdicts = [happens(FencedPowerCut) for _run in range(RUNS)]
    assert [verdict.problems for verdict in verdicts if verdict.problems] == []
    assert switch.asked == [verdict.fault.leader for verdict in verdicts]
    for endpoint in (POOLED, RW, DIRECT):
        print(f"median gap, {endpoint}: {median(verdict.gaps[endpoint] for verdict in verdicts):.2f} s")
    assert "packets to it were refused" in journals(arena)
    for name in arena.names:
        assert arena.shell(name, ROUTES) == "", "the host is back, and nobody sends it anything"


@pytest.mark.parametrize("fault", [FencedFreeze, FencedIsolation])
def test_a_silent_host_is_off_before_another_one_leads(happens: Happens, switch: PowerSwitch, fault: MakeFault) -> None:
    verdict = happens(fault)
    assert verdict.problems == []
    assert switch.asked == [verdict.fault.leader]


@pytest.mark.parametrize("mood", ["refuses", "hangs"])
def test_without_proof_the_lease_is_waited_for(happens: Happens, arena: Arena, switch: PowerSwitch, mood: Mood) -> None:
    switch.mood = mood
    verdict = happens(PowerCut)
    assert verdict.problems == []
    assert set(switch.asked) == {verdict.fault.leader}
    assert verdict.gaps[POOLED] > shortest_lease(verdict.fault)
    assert f"that {verdict.fault.leader} has no power is not proved" in journals(arena)


@pytest.mark.parametrize("fault", [RestBlocked, SilentPatroni, StandbyIsolated, LinkToStandbyCut, LossyNetwork])
def test_nobody_is_fenced_whose_host_gives_a_sign_of_life(
    happens: Happens, switch: PowerSwitch, fault: MakeFault
) -> None:
    assert happens(fault).problems == []
    assert switch.asked == []


def test_nobody_is_fenced_in_a_pause(arena: Arena, cluster: Cluster, connect: Connect, switch: PowerSwitch) -> None:
    leader = standing(connect, cluster)[0].name
    try:
        arena.configure(pause="true")
        eventually("Patroni is paused", 30, lambda: arena.configuration().get("pause") is True)
        arena.lab.power_cut(leader)
        assert not wait_for_order(switch, SUSPICION_SECONDS)
    finally:
        every([lambda: arena.lab.start(leader), lambda: arena.configure(pause=None)])
    eventually("the cluster is whole", WHOLE_SECONDS, lambda: is_whole(cluster))


def test_the_key_of_the_switch_is_said_nowhere(arena: Arena, switch: PowerSwitch) -> None:
    for name in arena.names:
        assert switch.key not in arena.shell(name, "journalctl --boot --no-pager")
        assert switch.key not in arena.shell(name, "cat /etc/matriarch/fencing.json")
