# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster's status as tables, and as lines of text. Works on what patroni_cluster_info returned. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup import moment as backup_moment
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import LEADER_ROLES
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.following import Following
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.host_report import (
    LEADER_BACKEND,
    REPLICAS_BACKEND,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.proof import Proof, Trial
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.volume import Volume
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.words import moment, plain, size

Answer = Mapping[str, Any]

WRITES, READS = LEADER_BACKEND, REPLICAS_BACKEND
ROADS = (WRITES, READS)


@dataclass(frozen=True)
class Table:
    """A title, the names of the columns, and the rows; every cell is text of one line."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def lines(self) -> list[str]:
        """The table as text, its columns aligned."""
        grid = [self.columns, *self.rows]
        widths = [max(len(row[at]) for row in grid) for at in range(len(self.columns))]
        return [
            "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in grid
        ]


def tables(answer: Answer) -> list[Table]:
    """Everything that there is to show, in the order in which a reader asks for it."""
    every = (members, instances, etcd, proxies, poolers, volumes, certificates, backups, proofs, history)
    return [table for table in (show(answer) for show in every) if table.rows]


def text(name: str, answer: Answer) -> list[str]:
    """The whole status as lines."""
    lines = [headline(name, answer)]
    for table in tables(answer):
        lines += ["", *table.lines()]
    return [*lines, *(["", *reasons(answer)] if answer["reasons"] else [])]


def headline(name: str, answer: Answer) -> str:
    """The verdict, and how the cluster replicates, in one line."""
    sync, cluster = answer["sync"], answer["cluster"] or {}
    told = [f"Cluster {plain(name)} is {answer['verdict']}"]
    if follows := _following(answer):
        told.append(follows)
    elif sync["mode"]:
        waits = {"async": "commits wait for no standby", "sync": "synchronous", "quorum": "quorum commit"}[sync["mode"]]
        told.append(f"{waits}, strict" if sync["strict"] else waits)
    if cluster.get("paused"):
        told.append("Patroni is paused")
    return "; ".join(told)


def _following(answer: Answer) -> str:
    """That it is a standby cluster, and how far its leader has come."""
    listed = answer["cluster"]["members"] if answer["cluster"] else ()
    leader = next((each["name"] for each in listed if each["role"] == "standby_leader"), "")
    if not leader:
        return ""
    told = (answer.get("following") or {}).get(leader)
    return f"a standby cluster: {Following.parse(told).told}" if told else "a standby cluster"


def reasons(answer: Answer) -> list[str]:
    """Two lines for each: what was found, and the next command."""
    lines = []
    for each in answer["reasons"]:
        lines.append(f"{each['severity']:<8}  {plain(each['subject'])}: {plain(each['problem'])}")
        lines.append(f"{'':8}  next: {plain(each['next'])}")
    return lines


def members(answer: Answer) -> Table:
    """As `patronictl list` shows them, and how old a standby's data is."""
    columns = (
        "member",
        "role",
        "state",
        "TL",
        "receive lag",
        "replay lag",
        "lag",
        "lag in s",
        "pending restart",
        "tags",
    )
    listed = answer["cluster"]["members"] if answer["cluster"] else ()
    return _table("Members", columns, (_member(each) for each in listed))


def _member(member: Answer) -> Sequence[object]:
    follows = member["role"] not in LEADER_ROLES
    lags = [_bytes(member[f"{kind}lag_bytes"]) if follows else "" for kind in ("receive_", "replay_", "")]
    seconds = member["lag_seconds"]
    return (
        member["name"],
        member["role"],
        member["state"],
        member["timeline"] or "?",
        *lags,
        "" if seconds is None else f"{seconds:.1f}",
        (", ".join(member["pending_restart_reason"]) or "yes") if member["pending_restart"] else "",
        ", ".join(f"{key}: {value}" for key, value in member["tags"].items()),
    )


def etcd(answer: Answer) -> Table:
    """The members of the consensus store."""
    state = answer["etcd"] or {"members": (), "leader": None, "alarms": ()}
    alarms = {each["member_id"]: each["alarm"] for each in state["alarms"]}
    rows = (
        (
            each["name"] or "(never started)",
            "learner" if each["is_learner"] else "leader" if each["name"] == state["leader"] else "follower",
            "healthy" if each["healthy"] else each["error"] or "not healthy",
            _bytes(each["db_size_bytes"]),
            each["version"] or "?",
            alarms.get(each["id"], ""),
        )
        for each in state["members"]
    )
    return _table("etcd", ("etcd", "role", "state", "database", "version", "alarm"), rows)


def instances(answer: Answer) -> Table:
    """What each PostgreSQL is by its own word; of interest only where no Patroni answers."""
    told = {} if answer["cluster"] else answer["instances"]
    rows = (
        (
            host,
            "?" if each is None else "standby" if each["in_recovery"] else "primary",
            each["timeline"] if each else "?",
            (each["replay_lsn"] or each["current_lsn"] or "?") if each else "?",
        )
        for host, each in told.items()
    )
    return _table("PostgreSQL by its own word", ("host", "is a", "TL", "at"), rows)


def proxies(answer: Answer) -> Table:
    """Where each HAProxy sends whom, and the servers that it does without."""
    columns = ("proxy", "writes go to", "reads go to", "without")
    return _table("Proxies", columns, (_proxy(host, servers) for host, servers in answer["proxies"].items()))


def _proxy(host: str, servers: Sequence[Answer] | None) -> Sequence[object]:
    if servers is None:
        return (host, "does not answer", "", "")
    up = {backend: [s["name"] for s in servers if s["backend"] == backend and s["is_up"]] for backend in ROADS}
    serving = {*up[WRITES], *up[READS]}
    without = [f"{s['name']} ({s['status']})" for s in servers if s["backend"] == READS and s["name"] not in serving]
    return (host, ", ".join(up[WRITES]) or "nobody", ", ".join(up[READS]) or "nobody", ", ".join(without))


def poolers(answer: Answer) -> Table:
    """The clients of each PgBouncer."""
    columns = ("pooler", "endpoint", "state", "active", "waiting", "longest wait")
    told = ((host, name, each) for host, poolers in answer["poolers"].items() for name, each in poolers.items())
    return _table("Poolers", columns, (_pooler(*each) for each in told))


def _pooler(host: str, name: str, told: Answer | None) -> Sequence[object]:
    if told is None:
        return (host, name, "does not answer", "", "", "")
    state = "paused" if told["paused"] else "running"
    waiting = told["clients_waiting"]
    return (host, name, state, told["clients_active"], waiting, f"{told['maxwait_seconds']:.1f} s" if waiting else "")


def volumes(answer: Answer) -> Table:
    """What is left of the file systems that the members write to."""
    told = ((host, Volume.parse(each)) for host, volumes in answer["volumes"].items() for each in volumes)
    rows = (
        (
            host,
            ", ".join(each.holds),
            each.path,
            size(each.free_bytes),
            size(each.total_bytes),
            f"{each.free_percent:.0f} %",
        )
        for host, each in told
    )
    return _table("File systems", ("host", "holds", "where", "left", "of", "left in %"), rows)


def certificates(answer: Answer) -> Table:
    """When each certificate expires."""
    told = ((host, each) for host, certificates in answer["certificates"].items() for each in certificates)
    rows = ((host, each["path"], each["not_after"], each["days_left"]) for host, each in told)
    return _table("Certificates", ("host", "certificate", "expires", "days left"), rows)


def backups(answer: Answer) -> Table:
    """The newest backup of each repository, as the member knows it that looked last."""
    told = max((each for each in answer["backups"].values() if each), key=lambda each: each["checked_at"], default=None)
    rows = (_backup(each) for each in (told["repositories"] if told else ()))
    return _table("Backups", ("backups in", "newest", "kind", "ended", "size", "hours old"), rows)


def _backup(told: Answer) -> Sequence[object]:
    newest, age = told["newest"], told["age_seconds"]
    if newest is None:
        return (told["repository"], "none", "", "", "", "")
    facts = (newest["label"], newest["kind"], newest["stopped"], size(newest["size_bytes"]))
    return (told["repository"], *facts, f"{age / 3600:.1f}")


def proofs(answer: Answer) -> Table:
    """The last restore drill and verification that any member knows of, and how old the last good ones are."""
    told = [each for each in answer["backups"].values() if each]
    proof = Proof()
    for each in told:
        proof = proof.merged(Proof.parse(each["proof"]))
    now = max((each["asked_at"] for each in told), default="")
    rows = (
        _proof("restore drill", proof.drill, proof.good_drill, now),
        _proof("verification", proof.verification, proof.good_verification, now),
    )
    columns = ("proof", "last", "by", "verdict", "good, hours old", "RTO", "RPO")
    return _table("Proof of the backups", columns, rows if told else ())


def _proof(what: str, last: Trial | None, good: Trial | None, now: str) -> Sequence[object]:
    if last is None:
        return (what, "never", "", "", "", "", "")
    age = f"{(backup_moment(now) - backup_moment(good.at)).total_seconds() / 3600:.1f}" if good else "never"
    measured = [_seconds(last.facts.get(name)) for name in ("rto_seconds", "rpo_seconds")]
    return (what, moment(last.at), last.member, "good" if last.good else "bad", age, *measured)


def _seconds(count: object) -> str:
    return f"{count:.0f} s" if isinstance(count, (int, float)) else ""


def history(answer: Answer) -> Table:
    """Who led when, the latest first."""
    ends = answer["cluster"]["history"] if answer["cluster"] else ()
    rows = (
        (moment(e["timestamp"]), e["timeline"], e["lsn"], e["new_leader"] or "?", e["reason"]) for e in reversed(ends)
    )
    return _table("Changes of the leader", ("when", "TL ended", "at", "then led", "reason"), rows)


def _bytes(count: int | None) -> str:
    return "?" if count is None else size(count)


def _table(title: str, columns: tuple[str, ...], rows: Iterable[Sequence[object]]) -> Table:
    return Table(title, columns, tuple(tuple(plain(cell) for cell in row) for row in rows))
