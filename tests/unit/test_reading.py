# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterator

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.etcd import EtcdClient
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.json_http import JsonHttp
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import NobodyAnswered, Refused
from ansible_collections.matriarch.pgcluster.plugins.module_utils.reading import EtcdReading, read_etcd
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.etcd import FakeEtcd


@pytest.fixture
def fake() -> Iterator[FakeEtcd]:
    cluster = FakeEtcd.of("a", "b", "c")
    yield cluster
    cluster.stop_all()


def read(*urls: str) -> EtcdReading:
    return read_etcd([EtcdClient(JsonHttp(url)) for url in urls])


def test_a_healthy_cluster_has_no_problems(fake: FakeEtcd) -> None:
    state = read(*fake.urls).state
    assert state.problems(["a", "b", "c"]) == ()
    assert state.leader is not None
    assert (state.leader.name, state.quorum, dict(state.unanswered)) == ("a", 2, {})


def test_members_that_were_not_named_are_asked_where_they_announce_themselves(fake: FakeEtcd) -> None:
    assert read(fake.urls[2]).state.problems() == ()


def test_a_dead_member_is_a_finding(fake: FakeEtcd) -> None:
    fake.stop("b")
    state = read(*fake.urls).state
    assert len(state.problems()) == 1
    assert state.problems()[0].startswith("b does not answer: ")
    assert list(state.unanswered) == [fake.urls[1]]
    assert len(state.healthy_voters) == 2


def test_without_a_majority_the_members_are_still_told(fake: FakeEtcd) -> None:
    fake.stop("b", "c")
    state = read(*fake.urls).state
    assert [m.name for m in state.members] == ["a", "b", "c"]
    assert state.leader is None
    assert state.problems()[0] == "no leader: 0 of 3 voters are healthy, 2 are needed"
    assert "a knows no leader" in state.problems()


def test_nobody_answering_is_an_error_that_names_all(fake: FakeEtcd) -> None:
    fake.stop_all()
    with pytest.raises(NobodyAnswered, match="none of 3 servers answered") as caught:
        read(*fake.urls)
    assert list(caught.value.unanswered) == fake.urls


def test_a_member_that_became_a_cluster_of_its_own_does_not_count(fake: FakeEtcd) -> None:
    fake["c"].cluster_id, fake["c"].raft_index = 7, 9000
    state = read(*fake.urls).state
    assert state.unanswered == {fake.urls[2]: "it belongs to another cluster, 7"}
    assert state.leader is not None
    assert state.problems() == ("c does not answer: it belongs to another cluster, 7",)


def test_an_address_that_somebody_else_answers_is_a_finding(fake: FakeEtcd) -> None:
    fake["c"].server, served = fake["a"].server, fake["c"].server
    state = read(fake.urls[0], fake.urls[1]).state
    fake["c"].server = served
    assert state.problems() == (
        f"c does not answer: the member {fake['a'].id:x} answers at its address {fake.urls[0]}",
    )


def test_a_full_database_is_an_alarm_and_no_loss_of_members(fake: FakeEtcd) -> None:
    fake.alarms = [{"memberID": str(fake["b"].id), "alarm": "NOSPACE"}]
    state = read(*fake.urls).state
    assert state.problems() == ("b has raised the alarm NOSPACE",)
    assert len(state.healthy_voters) == 3


def test_a_corrupt_member_keeps_every_server_from_health_but_the_alarm_is_told(fake: FakeEtcd) -> None:
    fake.alarms = [{"memberID": str(fake["b"].id), "alarm": "CORRUPT"}]
    problems = read(*fake.urls).state.problems()
    assert "b has raised the alarm CORRUPT" in problems
    assert any(problem.startswith("a cannot serve: HTTP 503: ") for problem in problems)


def test_a_member_that_never_started_is_a_problem(fake: FakeEtcd) -> None:
    fake.register(["https://d:2380"])
    (problem,) = read(*fake.urls).state.problems()
    assert problem.endswith("at https://d:2380 is registered but never started")


def test_a_learner_is_asked_for_no_list_and_does_not_count(fake: FakeEtcd) -> None:
    learner = fake.register(["https://d:2380"], is_learner=True)
    fake.start(learner, "d")
    learner.raft_index = 9000
    state = read(fake.urls[3], *fake.urls[:3]).state
    assert (len(state.members), len(state.voters), state.quorum) == (4, 3, 2)
    assert state.problems() == ("d is a learner and does not vote yet",)


def test_a_change_goes_to_a_healthy_voter_but_not_to_the_one_that_it_is_about(fake: FakeEtcd) -> None:
    reading = read(*fake.urls)
    chosen = {reading.voter(besides=m.id).url for m in fake.members}
    assert len(chosen) > 1
    assert all(reading.voter(besides=m.id).url != m.server.url for m in fake.members if m.server)
    with pytest.raises(Refused, match="none of the given urls is that of a healthy voter"):
        read(fake.urls[0]).voter(besides=fake["a"].id)
