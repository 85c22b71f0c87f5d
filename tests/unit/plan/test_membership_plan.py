# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import random
from dataclasses import replace

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import Refused
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.etcd import (
    EndpointStatus,
    EtcdMember,
    EtcdState,
    Seen,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.membership import (
    Step,
    Wish,
    find,
    initial_cluster,
    plan_membership,
)


def url(name: str) -> str:
    return f"https://{name}:2380"


def state_of(*specs: str) -> EtcdState:
    """A cluster from words: "a" runs, "b down", "c learner", "d unstarted", "e learner unstarted", "f learner down"."""
    members, seen = [], {}
    for number, spec in enumerate(specs, start=1):
        name, *traits = spec.split()
        started = "unstarted" not in traits
        members.append(EtcdMember(number, name if started else "", (url(name),), is_learner="learner" in traits))
        if started and "down" not in traits:
            seen[number] = Seen(EndpointStatus(number, 9, "3.5.16", 1, 20480, 2, 40), serves=True)
    return led_by_majority(EtcdState(9, tuple(members), seen))


def led_by_majority(state: EtcdState) -> EtcdState:
    """The same cluster; without a majority of running voters nobody knows a leader or serves."""
    if len([m for m in state.voters if m.id in state.seen]) >= state.quorum:
        return state
    silent = EndpointStatus(0, 9, "3.5.16", 0, 20480, 2, 40)
    return replace(state, seen={number: Seen(silent, error="no leader") for number in state.seen})


def present(name: str, *, wiped: bool = False, as_learner: bool = True, peer: str = "") -> Wish:
    return Wish(name, (url(peer or name),), wiped=wiped, as_learner=as_learner)


def absent(name: str, *peers: str) -> Wish:
    return Wish(name, tuple(map(url, peers)), present=False)


PLANS = [
    # (the cluster, the wish, the steps)
    (("a", "b", "c"), present("a"), []),
    (("a", "b", "c"), present("d"), ["add_learner d"]),
    (("a", "b", "c"), present("d", as_learner=False), ["add d"]),
    (("a",), present("b"), ["add_learner b"]),
    (("a", "b", "c down"), present("c"), []),
    (("a", "b", "c down"), present("c", wiped=True), ["remove c", "add_learner c"]),
    (("a", "b", "c down"), present("c", wiped=True, as_learner=False), ["remove c", "add c"]),
    (("a", "b", "c unstarted"), present("c", wiped=True), []),
    (("a", "b", "c unstarted"), present("c"), []),
    (("a", "b", "c learner unstarted"), present("c", wiped=True), []),
    (("a", "b", "c learner"), present("c"), ["promote c"]),
    (("a", "b", "c learner down"), present("c", wiped=True), ["remove c", "add_learner c"]),
    (("a", "b", "c"), present("c", peer="x"), ["update c"]),
    (("a", "b", "c learner"), present("c", peer="x"), ["update c", "promote c"]),
    (("a", "b", "c"), absent("c"), ["remove c"]),
    (("a", "b", "c"), absent("x"), []),
    (("a", "b", "c"), absent("x", "a"), []),
    (("a", "b", "c down"), absent("c"), ["remove c"]),
    (("a", "b", "c unstarted"), absent("c", "c"), ["remove the member 3 at https://c:2380"]),
    (("a", "b", "c", "d down", "e down"), absent("e"), ["remove e"]),
    (("a", "b", "c learner unstarted"), absent("b"), ["remove b"]),
    (("a", "b"), absent("b"), ["remove b"]),
]


@pytest.mark.parametrize(("cluster", "wish", "steps"), PLANS)
def test_the_steps_lead_to_the_wish(cluster: tuple[str, ...], wish: Wish, steps: list[str]) -> None:
    plan = plan_membership(state_of(*cluster), wish)
    assert [f"{step.action} {step.name}" for step in plan.steps] == steps
    assert all(step.reason for step in plan.steps)


REFUSALS = [
    (("a", "b down", "c down"), absent("c"), "no majority: 0 of 3 voters are healthy, 2 are needed"),
    (("a", "b down", "c down"), present("d"), "no majority"),
    (("a", "b down", "c down"), present("c", wiped=True), "no majority"),
    (("a", "b", "c down"), absent("a"), "would leave 1 running of 2 voters, and 2 are needed; bring members back"),
    (("a",), absent("a"), "the last voter of etcd"),
    (("a", "b learner"), absent("a"), "the last voter"),
    (
        ("a",),
        present("b", as_learner=False),
        "would leave 1 running of 2 voters, and 2 are needed; add it as a learner",
    ),
    (("a", "b", "c down"), present("d", as_learner=False), "would leave 2 running of 4 voters"),
    (("a", "b", "c unstarted"), present("d"), "at https://c:2380 is registered but never started: start or remove it"),
    (("a", "b", "c learner unstarted"), present("d"), "registered but never started"),
    (("a", "b", "c unstarted", "d down"), present("d", wiped=True), "no majority"),
    (("a", "b", "c", "d learner"), present("e"), "d is still a learner, and etcd takes one at a time"),
    (("a", "b", "c"), present("c", wiped=True), "is said to have lost its data, but answers"),
    (("a", "b", "c learner"), present("c", wiped=True), "is said to have lost its data, but answers"),
    (("a", "b", "c learner down"), present("c"), "has started as a learner, but does not serve"),
    (("a", "b", "c"), present("d", peer="c"), "the address https://c:2380 of d belongs to c already"),
    (("a", "b", "c"), present("a", peer="c"), "the address https://c:2380 of a belongs to c already"),
    (("a", "b", "c unstarted"), present("a", peer="c"), "belongs to the member 3 at https://c:2380 already"),
    (("a", "b", "b"), absent("b"), "2 members are called b (2, 3)"),
    (("a", "b", "c"), Wish("d"), "d has no peer_urls"),
]


@pytest.mark.parametrize(("cluster", "wish", "reason"), REFUSALS)
def test_an_unsafe_wish_is_refused_with_its_reason(cluster: tuple[str, ...], wish: Wish, reason: str) -> None:
    with pytest.raises(Refused) as caught:
        plan_membership(state_of(*cluster), wish)
    assert reason in str(caught.value)


def act(state: EtcdState, step: Step) -> EtcdState:
    """What etcd makes of one step; written apart from the plan's own arithmetic."""
    members = {m.id: m for m in state.members}
    if step.action == "remove":
        del members[step.member_id]
    elif step.action == "promote":
        members[step.member_id] = replace(members[step.member_id], is_learner=False)
    elif step.action == "update":
        members[step.member_id] = replace(members[step.member_id], peer_urls=step.peer_urls)
    else:
        number = max(members) + 1
        members[number] = EtcdMember(number, "", step.peer_urls, is_learner=step.action == "add_learner")
    seen = {number: seen for number, seen in state.seen.items() if number in members}
    return led_by_majority(replace(state, members=tuple(members.values()), seen=seen))


def random_case(chance: random.Random) -> tuple[EtcdState, Wish]:
    traits = ["", "", "", " down", " learner", " unstarted", " learner unstarted", " learner down"]
    names = "abcdefg"[: chance.randint(1, 6)]
    specs = [name + chance.choice(traits) for name in names]
    name = chance.choice("abcdefgh")
    wish = Wish(name, (url(chance.choice([name, name, "z"])),), chance.random() < 0.7, chance.random() < 0.5)
    return state_of(*specs), replace(wish, as_learner=chance.random() < 0.7)


def test_whatever_the_cluster_and_the_wish_no_step_costs_the_majority_and_each_interruption_is_met() -> None:
    chance, planned = random.Random(20260), 0
    for _case in range(3000):
        state, wish = random_case(chance)
        unstarted = sum(not m.started for m in state.members)
        try:
            steps = plan_membership(state, wish).steps
        except Refused:
            continue
        planned += bool(steps)
        for done, step in enumerate(steps, start=1):
            state = act(state, step)
            assert len(state.healthy_voters) >= state.quorum
            assert sum(not m.started for m in state.members) <= max(unstarted, 1)
            rest = plan_membership(state, wish).steps
            assert [s.action for s in rest] == [s.action for s in steps[done:]]
        if steps:
            assert (find(state.members, wish) is not None) == wish.present
    assert planned > 300


def test_a_wiped_member_starts_again_with_every_address_and_its_own_name() -> None:
    wish = present("c", wiped=True)
    after = plan_membership(state_of("a", "b", "c down"), wish).after
    assert initial_cluster(after, wish) == "a=https://a:2380,b=https://b:2380,c=https://c:2380"


def test_every_address_of_a_member_is_told_and_a_nameless_one_gets_a_stand_in() -> None:
    members = (
        EtcdMember(1, "a", (url("a"), url("a2"))),
        EtcdMember(255, "", (url("x"),)),
    )
    assert initial_cluster(members, present("b")) == "a=https://a:2380,a=https://a2:2380,member-ff=https://x:2380"
