# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import DeadlineExceeded, Refused, RemoteError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import ClusterState
from ansible_collections.matriarch.pgcluster.plugins.module_utils.operations import schedule
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.patroni import FakePatroni, member, said
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.server import Reply

CLOSED = "http://127.0.0.1:1"
NIGHT = "2126-12-01T03:00:00+01:00"
SAME_NIGHT = "2126-12-01T02:00:00Z"


class Scheduling:
    """A Patroni that keeps one scheduled switchover."""

    def __init__(self) -> None:
        self.patroni = FakePatroni()
        self.scheduled: dict[str, Any] | None = None
        self.forgets = False
        self.patroni.acts |= {("POST", "/switchover"): self._schedule, ("DELETE", "/switchover"): self._cancel}
        answer = self.patroni._cluster

        def cluster() -> Reply:
            told = answer().body
            return Reply({**told, "scheduled_switchover": self.scheduled} if self.scheduled else told)

        self.patroni._cluster = cluster  # type: ignore[method-assign]

    def _schedule(self, body: dict[str, Any]) -> Reply:
        if not self.forgets:
            told = {"at": body["scheduled_at"], "from": body["leader"], "to": body.get("candidate")}
            self.scheduled = {key: value for key, value in told.items() if value}
        return said("Switchover scheduled", 202)

    def _cancel(self, _body: object) -> Reply:
        self.scheduled = None
        return said("scheduled switchover deleted")

    def orders(self) -> list[str]:
        return [call.method for call in self.patroni.server.calls if call.method != "GET"]

    def run(self, check: bool = False, **wish: Any) -> dict[str, Any]:
        params = {"urls": [CLOSED, self.patroni.url], "timeout": 5.0, "candidate": None, "scheduled_at": None}
        files = dict.fromkeys(("ca_file", "client_cert", "client_key"))
        return schedule.run({**params, **files, "cancel_scheduled": False, **wish}, check=check)


@pytest.fixture
def cluster(monkeypatch):
    monkeypatch.setattr(schedule, "KNOWN_SECONDS", 0.0)
    fake = Scheduling()
    yield fake
    fake.patroni.server.stop()


def test_predicted_scheduled_and_scheduled_already(cluster):
    predicted = cluster.run(check=True, scheduled_at=NIGHT, candidate="pg2")
    assert cluster.orders() == []
    done = cluster.run(scheduled_at=NIGHT, candidate="pg2")
    again = cluster.run(scheduled_at=SAME_NIGHT, candidate="pg2")
    assert [answer["changed"] for answer in (predicted, done, again)] == [True, True, False]
    assert cluster.orders() == ["POST"]
    wish = {"at": NIGHT, "from": "pg1", "to": "pg2"}
    assert [answer["scheduled"] for answer in (predicted, done, again)] == [wish] * 3
    assert predicted["diff"] == done["diff"]
    assert done["diff"]["before"] == "scheduled: None\n"
    assert NIGHT in done["diff"]["after"]
    assert done["leader"] == "pg1"
    assert cluster.patroni.server.asked("POST")[0].body == {"leader": "pg1", "candidate": "pg2", "scheduled_at": NIGHT}


def test_whoever_is_fit_then(cluster):
    assert cluster.run(scheduled_at=NIGHT)["scheduled"] == {"at": NIGHT, "from": "pg1", "to": None}
    assert not cluster.run(scheduled_at=NIGHT)["changed"]


@pytest.mark.parametrize("wish", [{"scheduled_at": NIGHT, "candidate": "pg3"}, {"scheduled_at": NIGHT[:-1] + "1"}])
@pytest.mark.parametrize("check", [True, False])
def test_another_one_is_not_overwritten(cluster, wish, check):
    cluster.run(scheduled_at=NIGHT, candidate="pg2")
    with pytest.raises(Refused, match=r"another switchover is scheduled: .*'pg2'.*switchover_cancel=true"):
        cluster.run(check, **wish)
    assert cluster.orders() == ["POST"]


def test_predicted_cancelled_and_nothing_to_cancel(cluster):
    cluster.run(scheduled_at=NIGHT)
    answers = [cluster.run(check, cancel_scheduled=True) for check in (True, False, True, False)]
    assert [answer["changed"] for answer in answers] == [True, True, False, False]
    assert [answer["scheduled"] for answer in answers] == [None] * 4
    assert answers[0]["diff"] == answers[1]["diff"]
    assert cluster.orders() == ["POST", "DELETE"]


@pytest.mark.parametrize(
    "moment", ["2126-12-01T03:00:00", "2126-12-01", "03:00", "tomorrow", "{{ x }}\n", "", "2126-13-01T00:00:00Z"]
)
def test_a_time_that_is_not_clear_is_refused(cluster, moment):
    with pytest.raises(Refused) as caught:
        cluster.run(scheduled_at=moment)
    assert str(caught.value) == f"'scheduled_at' is {moment!r}: write it like 2026-12-01T03:00:00+01:00, with its zone"
    assert cluster.orders() == []


@pytest.mark.parametrize("check", [True, False])
def test_a_paused_patroni_schedules_nothing(cluster, check):
    cluster.patroni.pause = True
    with pytest.raises(
        Refused, match=r"Patroni is paused and schedules nothing. Next: ansible-playbook maintenance.yml"
    ):
        cluster.run(check, scheduled_at=NIGHT)
    assert cluster.orders() == []


def test_a_cluster_without_a_leader_cannot_schedule_but_cancel(cluster):
    cluster.patroni.members = [member("pg2")]
    with pytest.raises(Refused, match=r"has no leader that could hand over. Next: ansible-playbook failover.yml"):
        cluster.run(scheduled_at=NIGHT)
    cluster.scheduled = {"at": NIGHT, "from": "pg1"}
    assert cluster.run(cancel_scheduled=True)["leader"] is None
    assert cluster.orders() == ["DELETE"]


def test_a_stranger_cannot_be_the_candidate(cluster):
    with pytest.raises(Refused, match=r"'pg9\{\{ x \}\}' is no member of the cluster"):
        cluster.run(scheduled_at=NIGHT, candidate="pg9{{ x }}")
    assert cluster.orders() == []


def test_patronis_refusal_comes_through(cluster):
    cluster.patroni.acts["POST", "/switchover"] = lambda _body: said("Cannot schedule in the past", 422)
    with pytest.raises(RemoteError, match="HTTP 422: Cannot schedule in the past"):
        cluster.run(scheduled_at="2020-01-01T00:00:00Z")


def test_consent_is_not_enough_the_cluster_must_show_it(cluster):
    cluster.forgets = True
    with pytest.raises(DeadlineExceeded, match=r"took the request, but the cluster does not show it: None. Next: "):
        cluster.run(scheduled_at=NIGHT)


@pytest.mark.parametrize(
    ("scheduled", "wish", "same"),
    [
        (None, None, True),
        ({"at": NIGHT}, None, False),
        (None, {"at": NIGHT, "to": None}, False),
        ({"at": SAME_NIGHT}, {"at": NIGHT, "to": None}, True),
        ({"at": NIGHT, "to": "pg2"}, {"at": NIGHT, "to": None}, False),
        ({"at": "soon"}, {"at": NIGHT, "to": None}, False),
    ],
)
def test_when_it_is_the_same(scheduled, wish, same):
    state = ClusterState.from_json({"members": [], "scheduled_switchover": scheduled})
    assert schedule.is_scheduled(state, wish) is same
