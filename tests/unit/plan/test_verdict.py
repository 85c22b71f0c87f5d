# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import random
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import ClusterState
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.etcd import (
    NO_LEADER,
    Alarm,
    EndpointStatus,
    EtcdMember,
    EtcdState,
    Seen,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.host_report import parse_reports
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.status import (
    Limits,
    Status,
    Store,
    Sync,
    Unfinished,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.verdict import Verdict, judge
from ansible_collections.matriarch.pgcluster.tests.unit.fakes import report as fake
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.patroni import member

NAMES = fake.MEMBERS


@dataclass
class Case:
    """A healthy cluster of three hosts that do everything, for a test to spoil."""

    members: dict[str, dict[str, Any]] = field(
        default_factory=lambda: {
            "pg1": member("pg1", "leader"),
            "pg2": member("pg2", "quorum_standby"),
            "pg3": member("pg3", "quorum_standby"),
        }
    )
    hosts: dict[str, dict[str, Any]] = field(default_factory=fake.hosts)
    etcd_down: set[str] = field(default_factory=set)
    learners: set[str] = field(default_factory=set)
    alarms: tuple[Alarm, ...] = ()
    contradiction: str = ""
    etcd_names: tuple[str, ...] = NAMES
    cluster: dict[str, Any] = field(default_factory=dict)
    sync: Sync = field(default_factory=lambda: Sync("quorum", strict=True, standbys=("pg2", "pg3")))
    silent_patroni: bool = False
    restore: Unfinished | None = None

    def report(self, name: str) -> dict[str, Any]:
        told: dict[str, Any] = self.hosts[name]["report"]
        return told

    @property
    def etcd(self) -> Store:
        voters = [name for name in self.etcd_names if name not in self.learners]
        up = [name for name in self.etcd_names if name not in self.etcd_down]
        if not up:
            return Store(None, {"https://pg1:2379": "no answer in time"})
        leader = next((voters.index(n) + 1 for n in voters if n in up), 0)
        led = leader if len([n for n in voters if n in up]) > len(voters) // 2 else NO_LEADER
        order = [*voters, *sorted(self.learners)]
        ids = {name: at for at, name in enumerate(order, 1)}
        members = tuple(
            EtcdMember(ids[n], n, (f"https://{n}:2380",), is_learner=n in self.learners) for n in self.etcd_names
        )
        seen = {
            ids[n]: Seen(EndpointStatus(ids[n], 1, "3.5.16", led, 4096, 2, 9), serves=led != NO_LEADER)
            if n in up
            else Seen(error="no answer in time")
            for n in self.etcd_names
        }
        return Store(EtcdState(1, members, seen, self.alarms), contradiction=self.contradiction)

    def status(self) -> Status:
        told = {"members": list(self.members.values()), "scope": "shop", **self.cluster}
        hosts = parse_reports(self.hosts)
        seconds = {name: host.instance.lag_seconds for name, host in hosts.items() if host.instance}
        cluster = None if self.silent_patroni else ClusterState.from_json(told).with_lags_in_seconds(seconds)
        return Status(
            cluster=cluster,
            unanswered={"https://pg1:8008": "refused"} if self.silent_patroni else {},
            members=NAMES,
            sync=self.sync,
            etcd=self.etcd,
            hosts=hosts,
            limits=Limits(),
            restore=self.restore,
        )

    def judge(self) -> Verdict:
        return judge(self.status())


def told(verdict: Verdict, severity: str) -> list[str]:
    return [f"{each.subject}: {each.problem}" for each in verdict.findings[severity]]


def test_a_healthy_cluster_is_stable() -> None:
    verdict = Case().judge()
    assert verdict.reasons() == []
    assert verdict.word == "stable"


def demote(case: Case) -> None:
    case.members["pg1"]["role"] = "replica"


def silence(case: Case, *names: str) -> None:
    for name in names:
        case.hosts[name]["report"] = None


def change(name: str, **changes: Any) -> Callable[[Case], None]:
    return lambda case: case.members[name].update(changes)


def told_by(name: str, **changes: Any) -> Callable[[Case], None]:
    return lambda case: case.report(name).update(changes)


def everywhere(**changes: Any) -> Callable[[Case], Any]:
    return lambda case: [case.report(name).update(changes) for name in NAMES]


def assign(**changes: Any) -> Callable[[Case], Any]:
    return lambda case: vars(case).update(changes)


def postgres(name: str, **changes: Any) -> Callable[[Case], None]:
    return lambda case: case.report(name)["postgres"].update(changes)


CRITICAL: list[tuple[Callable[[Case], Any], str]] = [
    (assign(etcd_down={"pg1", "pg2"}), "etcd: no leader: 0 of 3 voters are healthy, 2 are needed"),
    (assign(etcd_down=set(NAMES)), "etcd: none of its servers answers (https://pg1:2379: no answer in time)"),
    (assign(silent_patroni=True), "cluster: no Patroni answers (https://pg1:8008: refused)"),
    (
        assign(etcd_down=set(NAMES), silent_patroni=True),
        "cluster: no Patroni tells how its members are, for each waits for etcd (https://pg1:8008: refused)",
    ),
    (demote, "cluster: it has no leader: nobody takes writes"),
    (change("pg1", state="start failed"), "pg1: it leads, but its PostgreSQL is start failed"),
    (
        postgres("pg3", in_recovery=False),
        "cluster: pg1, pg3 all take writes: the data is splitting (the leader is pg1)",
    ),
    (
        lambda case: [m.update(state="starting") for n, m in case.members.items() if n != "pg1"],
        "pg1: commits wait for a synchronous standby, and none streams",
    ),
    (everywhere(haproxy=fake.servers(None)), "cluster: no proxy has a way to a leader"),
    (lambda case: silence(case, *NAMES), "cluster: no proxy has a way to a leader"),
    (everywhere(has_virtual_address=False), "cluster: no proxy carries the virtual address"),
    (
        told_by("pg2", certificates=[fake.certificate(-1)]),
        "pg2: its certificate /etc/matriarch/tls/host.crt has expired",
    ),
    (
        told_by("pg2", certificates=[fake.certificate(0)]),
        "pg2: its certificate /etc/matriarch/tls/host.crt has expired",
    ),
]

DEGRADED: list[tuple[Callable[[Case], Any], str]] = [
    (lambda case: silence(case, "pg3"), "pg3: the host does not answer"),
    (lambda case: case.members.pop("pg3"), "pg3: it is not a member of the cluster"),
    (change("pg3", state="starting"), "pg3: its PostgreSQL is starting"),
    (change("pg3", state="running"), "pg3: it runs, but does not stream from the leader"),
    (change("pg3", timeline=2), "pg3: it is on timeline 2, the leader on 3"),
    (change("pg3", timeline=None), "pg3: it is on a timeline that it does not tell, the leader on 3"),
    (
        lambda case: [m.update(role="replica") for n, m in case.members.items() if n != "pg1"],
        "cluster: no standby is synchronous, though commits shall wait for one",
    ),
    (change("pg3", lag=2**30), "pg3: it is 1.0 GiB behind the leader, more than 16.0 MiB"),
    (change("pg3", receive_lag=2**25), "pg3: it is 32.0 MiB behind the leader, more than 16.0 MiB"),
    (postgres("pg3", replay_lag_seconds=11.4), "pg3: it is 11 s behind the leader, more than 10"),
    (change("pg2", pending_restart=True), "pg2: settings wait for a restart"),
    (
        change("pg2", pending_restart=True, pending_restart_reason={"max_connections": {}, "wal_level": {}}),
        "pg2: settings wait for a restart: max_connections, wal_level",
    ),
    (assign(cluster={"pause": True}), "cluster: Patroni is paused: nobody takes over when the leader fails"),
    (assign(etcd_down={"pg2"}), "pg2: its etcd is not healthy: no answer in time"),
    (assign(learners={"pg3"}), "pg3: its etcd is a learner, which does not vote yet"),
    (assign(etcd_names=("pg1", "pg2")), "pg3: it is not a member of etcd"),
    (assign(alarms=(Alarm(1, "NOSPACE"),)), "pg1: its etcd has raised the alarm NOSPACE"),
    (assign(alarms=(Alarm(9, "CORRUPT"),)), "etcd: its etcd has raised the alarm CORRUPT"),
    (assign(restore=Unfinished("shop", "latest", stopped=True)), "cluster: a restore to latest is half done"),
    (assign(contradiction="pg1 and pg2, pg3"), "etcd: its members do not hold the same: pg1 and pg2, pg3"),
    (told_by("pg2", haproxy=None, problems=["haproxy: refused"]), "pg2: its HAProxy does not answer: refused"),
    (told_by("pg2", haproxy=fake.servers(None)), "pg2: its HAProxy has no way to a leader"),
    (told_by("pg2", haproxy=fake.servers("pg3")), "pg2: its HAProxy sends writes to pg3, but the leader is pg1"),
    (
        told_by("pg2", haproxy=fake.servers("pg1", pg2="DOWN", pg3="DOWN")),
        "pg2: its HAProxy has no replica for reads",
    ),
    (
        told_by("pg2", haproxy=fake.servers("pg1", pg3="DRAIN")),
        "pg2: its HAProxy gives pg3 no new connections: somebody took it out",
    ),
    (everywhere(has_virtual_address=True), "cluster: pg1, pg2, pg3 all carry the virtual address"),
    (
        told_by("pg2", poolers={"rw": None}, problems=["pooler rw: refused"]),
        "pg2: its pooler rw does not answer: refused",
    ),
    (told_by("pg2", poolers={"rw": fake.pooler(paused=True)}), "pg2: its pooler rw is paused: it holds its clients"),
    (
        told_by("pg2", poolers={"ro": fake.pooler(clients_waiting=11)}),
        "pg2: 11 clients wait in its pooler ro, more than 10",
    ),
    (
        told_by("pg2", certificates=[fake.certificate(29)]),
        "pg2: its certificate /etc/matriarch/tls/host.crt expires in 29 days",
    ),
    (
        postgres("pg1", slots=[fake.slot(wal_status="lost", retained_bytes=None)]),
        "pg1: its replication slot pg2 has lost WAL that its reader needs",
    ),
    (
        postgres("pg1", slots=[fake.slot(retained_bytes=2**31)]),
        "pg1: its replication slot pg2 keeps 2.0 GiB of WAL, more than 1.0 GiB",
    ),
    (
        told_by("pg2", volumes=[fake.volume(holds={"wal": "/wal/shop"}, free_bytes=2**32, total_bytes=2**36)]),
        "pg2: the file system of /wal/shop (wal) has 4.0 GiB of 64.0 GiB left (6 %), less than 10 %",
    ),
    (
        told_by("pg2", volumes=[fake.volume(holds={"data": "/data"}, free_files=512, total_files=2**16)]),
        "pg2: the file system of /data (data) takes no more than 512 of 65536 files (1 %), less than 10 %",
    ),
    (
        told_by("pg2", volumes=[fake.volume(holds={"data": "/data"}, read_only=True)]),
        "pg2: nothing can be written to the file system of /data (data)",
    ),
    (
        postgres("pg1", damaged_pages={"shop": 3}),
        "pg1: 3 times a page of shop did not fit its checksum when it was read: its disk is not sound",
    ),
    (
        postgres("pg1", archiver={"enabled": True, "failing": True, "last_failed_wal": "0A", "ready_files": 3}),
        "pg1: archiving fails: 0A could not be archived, 3 segments wait",
    ),
    (told_by("pg1", units={"matriarch-guard.socket": "failed"}), "pg1: matriarch-guard.socket is failed"),
    (
        told_by("pg1", postgres=None, problems=["postgres: no answer within 3 s"]),
        "pg1: it did not tell everything: postgres: no answer within 3 s",
    ),
]


@pytest.mark.parametrize(
    ("spoil", "command"),
    [
        (
            told_by("pg2", haproxy=fake.servers("pg1", pg3="DRAIN")),
            "/usr/local/libexec/matriarch-haproxy-state ready replicas/pg3, on pg2",
        ),
        (
            told_by("pg2", poolers={"rw": fake.pooler(paused=True)}),
            "systemctl kill --kill-whom=main --signal=SIGUSR2 pgbouncer@rw.service, on pg2",
        ),
    ],
)
def test_what_ends_it_costs_nobody_a_session(spoil: Callable[[Case], Any], command: str) -> None:
    case = Case()
    spoil(case)
    assert command in [finding.next for finding in case.judge().findings["degraded"]]


@pytest.mark.parametrize(("spoil", "words"), CRITICAL, ids=[words for _spoil, words in CRITICAL])
def test_what_is_critical(spoil: Callable[[Case], Any], words: str) -> None:
    case = Case()
    spoil(case)
    verdict = case.judge()
    assert verdict.word == "critical"
    assert words in told(verdict, "critical")


@pytest.mark.parametrize(("spoil", "words"), DEGRADED, ids=[words for _spoil, words in DEGRADED])
def test_what_is_degraded(spoil: Callable[[Case], Any], words: str) -> None:
    case = Case()
    spoil(case)
    verdict = case.judge()
    assert verdict.word == "degraded"
    assert words in told(verdict, "degraded")


def one_carries_the_virtual_address(case: Case) -> None:
    for name in NAMES:
        case.report(name)["has_virtual_address"] = name == "pg2"


def readers_are_unwelcome(case: Case) -> None:
    for name in NAMES:
        case.members[name]["tags"] = {"noloadbalance": True}
        case.report(name)["haproxy"] = fake.servers("pg1", pg2="DOWN", pg3="DOWN")


@pytest.mark.parametrize(
    "within",
    [
        change("pg3", lag=16 * 2**20, replay_lag=16 * 2**20),
        change("pg3", lag="unknown"),
        postgres("pg3", replay_lag_seconds=10.0),
        told_by("pg2", poolers={"rw": fake.pooler(clients_waiting=10)}),
        told_by("pg2", certificates=[fake.certificate(30)]),
        postgres("pg1", slots=[fake.slot(retained_bytes=2**30)]),
        postgres("pg1", archiver={"enabled": False, "failing": True, "last_failed_wal": "0A", "ready_files": 3}),
        assign(sync=Sync("sync", strict=False, standbys=("pg2",))),
        one_carries_the_virtual_address,
        readers_are_unwelcome,
    ],
)
def test_what_is_within_its_limit_is_stable(within: Callable[[Case], Any]) -> None:
    case = Case()
    within(case)
    assert case.judge().reasons() == []


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (
            assign(cluster={"scheduled_switchover": {"at": "2026-12-01T03:00:00+00:00", "to": "pg2"}}),
            "cluster: a switchover to pg2 is scheduled for 2026-12-01T03:00:00+00:00",
        ),
        (
            assign(restore=Unfinished("shop", "latest", stopped=False)),
            "cluster: a restore to latest is under way, or was interrupted; nobody was stopped for it yet",
        ),
        (change("pg3", scheduled_restart={"schedule": "2026-12-01"}), "pg3: a restart is scheduled for 2026-12-01"),
        (
            lambda case: case.members.update(pg9=member("pg9", state="crashed", lag=2**40)),
            "pg9: it is a member, but not in the inventory",
        ),
        (
            lambda case: case.report("pg2")["haproxy"].extend(
                fake.server(endpoint, name, status)
                for endpoint, status in (("stock-rw", "DOWN"), ("stock-ro", "UP"))
                for name in ("st1", "st2")
            ),
            "pg2: its HAProxy has nobody to pass stock-rw on to",
        ),
        (
            lambda case: case.report("pg2").update(outdated_units=["patroni.service"]),
            "pg2: patroni.service has started before its program was changed",
        ),
    ],
)
def test_a_note_does_not_change_the_verdict(spoil: Callable[[Case], Any], words: str) -> None:
    case = Case()
    spoil(case)
    verdict = case.judge()
    assert (verdict.word, told(verdict, "note")) == ("stable", [words])


def test_a_dead_host_is_named_before_what_follows_from_it() -> None:
    case = Case(etcd_down={"pg3"})
    silence(case, "pg3")
    del case.members["pg3"]
    reasons = case.judge().reasons()
    assert [each["problem"] for each in reasons] == [
        "the host does not answer",
        "it is not a member of the cluster",
        "its etcd is not healthy: no answer in time",
    ]
    assert {each["next"] for each in reasons} == {"bring it back, then ansible-playbook site.yml --limit pg3"}


CLONE = "ansible-playbook member.yml -e member=pg2 -e state=reinitialized"
LOOK = "journalctl -u patroni -n 50, on "


@pytest.mark.parametrize(
    ("reader", "then"),
    [
        ({"state": "running"}, CLONE),
        ({"state": "streaming", "lag": 2**30}, f"{LOOK}pg2; where it cannot follow this leader: {CLONE}"),
        ({"state": "streaming", "lag": 0}, f"{LOOK}pg1"),
        ({"state": "in archive recovery", "lag": 2**30}, f"{LOOK}pg1"),
    ],
)
def test_only_a_member_without_another_source_of_wal_is_cloned_again(reader: dict[str, Any], then: str) -> None:
    case = Case()
    case.members["pg2"].update(reader)
    postgres("pg1", slots=[fake.slot(wal_status="lost", retained_bytes=None)])(case)
    reasons = case.judge().reasons()
    assert [each["next"] for each in reasons if "has lost WAL" in each["problem"]] == [then]


def test_without_strictness_the_leader_goes_on_alone() -> None:
    case = Case(sync=Sync("quorum", strict=False))
    for name in ("pg2", "pg3"):
        case.members[name].update(state="stopped", role="replica")
    assert case.judge().word == "degraded"


def test_the_leader_of_a_standby_cluster_needs_no_way_for_writes() -> None:
    case = Case(sync=Sync("async"))
    case.members["pg1"].update(role="standby_leader", state="streaming")
    for name in NAMES:
        case.report(name).update(haproxy=fake.servers(None), postgres=fake.postgres())
        if name != "pg1":
            case.members[name]["role"] = "replica"
    assert case.judge().word == "stable"


def standby_cluster(**following: Any) -> Case:
    """Of a cluster that would wait for standbys, and whose own backups begin with its promotion."""
    case = Case()
    case.members["pg1"].update(role="standby_leader", state="in archive recovery")
    told = {"replayed": "0/5000000", "archive": "replayed", "reason": "", "last_commit_at": "", **following}
    for name in NAMES:
        none = {"backups": fake.backups(repositories=[{"repository": "r", "age_seconds": None, "problem": ""}])}
        case.report(name).update(haproxy=fake.servers(None), postgres=fake.postgres(), **none)
        if name != "pg1":
            case.members[name]["role"] = "replica"
    case.report("pg1")["following"] = {"last_commit_age_seconds": 20.0, **told}
    return case


@pytest.mark.parametrize(
    ("following", "problems"),
    [
        ({}, []),
        ({"last_commit_age_seconds": 86400.0}, []),  # nobody has written
        ({"archive": "behind"}, []),  # it is about to replay
        ({"archive": "behind", "last_commit_age_seconds": 901.0}, ["the last replayed commit is 901 s old"]),
        ({"archive": "behind", "last_commit_age_seconds": None}, ["no commit was replayed yet"]),
        ({"archive": "silent", "reason": "no route"}, ["the archive does not answer: no route"]),
    ],
)
def test_a_standby_cluster_that_does_not_follow(following: dict[str, Any], problems: list[str]) -> None:
    found = told(standby_cluster(**following).judge(), "degraded")
    assert len(found) == len(problems)
    assert all(problem in each for problem, each in zip(problems, found, strict=True))


def test_what_was_not_asked_is_not_judged() -> None:
    case = Case()
    cluster = case.status().cluster
    assert judge(Status(cluster)).reasons() == []


def test_a_name_cannot_become_a_command() -> None:
    evil = "pg3; reboot '{{ 1 }}'\n$(reboot)"
    case = Case()
    case.hosts[evil] = {"postgres": True, "report": None}
    status = case.status()
    found = judge(Status(status.cluster, members=(*NAMES, evil), hosts=status.hosts)).reasons()
    assert {each["subject"] for each in found} == {evil}
    for each in found:
        assert shlex.split(each["next"].partition("then ")[2])[-1] == evil


def test_a_leader_whose_host_is_silent_keeps_clients_from_writing() -> None:
    case = Case()
    silence(case, "pg1")
    verdict = case.judge()
    assert verdict.word == "critical"
    assert "its host does not answer" in verdict.reasons()[0]["problem"]


def random_case(chance: random.Random) -> tuple[Case, bool]:
    """Any mixture of faults, and whether clients cannot write or data is at risk, from how it was made."""
    case = Case(sync=Sync("sync", strict=chance.random() < 0.5))
    leads = chance.random() < 0.7
    states = {name: chance.choice(["streaming", "streaming", "starting", "stopped"]) for name in NAMES}
    states["pg1"] = chance.choice(["running", "running", "running", "crashed"]) if leads else states["pg1"]
    case.members = {name: member(name, "sync_standby", state=state) for name, state in states.items()}
    case.members["pg1"]["role"] = "leader" if leads else "replica"
    case.etcd_down = {name for name in NAMES if chance.random() < 0.3}
    primaries, ways, expired, headless = 0, 0, False, False
    for name in NAMES:
        if chance.random() < 0.25:
            silence(case, name)
            headless |= leads and name == "pg1"
            continue
        days, leader, primary = chance.choice([-3, 5, 300, 300]), chance.choice(["pg1", None]), chance.random() < 0.3
        case.report(name).update(
            certificates=[fake.certificate(days)],
            haproxy=fake.servers(leader),
            postgres=fake.postgres(leads=primary),
            poolers={"rw": fake.pooler(paused=chance.random() < 0.2)},
        )
        expired |= days <= 0
        ways += leader is not None
        primaries += primary
    waits = leads and case.sync.strict and "streaming" not in (states["pg2"], states["pg3"])
    broken = not leads or states["pg1"] == "crashed" or len(case.etcd_down) > 1
    return case, broken or headless or waits or primaries > 1 or not ways or expired


@pytest.mark.parametrize("seed", range(300))
def test_any_mixture_of_faults(seed: int) -> None:
    case, critical = random_case(random.Random(seed))
    verdict = case.judge()
    assert (verdict.word == "critical") == critical
    reasons = verdict.reasons()
    order = [("critical", "degraded", "note").index(each["severity"]) for each in reasons]
    assert order == sorted(order)
    assert all(each["subject"] and each["problem"] and each["next"] for each in reasons)
    assert (verdict.word == "stable") == all(each["severity"] == "note" for each in reasons)
