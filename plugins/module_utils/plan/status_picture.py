# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where everything of a cluster stands on a drawing: boxes and the lines between them, in pixels. Pure.

From left to right, as a query goes: the application, the proxies, the members; etcd stands beside. Works on what
patroni_cluster_info returned, and on the names of the hosts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import LEADER_ROLES, UP_STATES
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.host_report import (
    LEADER_BACKEND,
    REPLICAS_BACKEND,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.words import plain, size

Answer = Mapping[str, Any]
Topology = Mapping[str, Any]

HEIGHT, GAP, TOP, MARGIN = 78, 22, 46, 20
ROW = HEIGHT + GAP
WORD = 26  # characters that fit into a box


@dataclass(frozen=True)
class Column:
    """Where the boxes of one kind stand."""

    title: str
    x: int
    width: int


APPLICATION = Column("application", 20, 134)
PROXIES = Column("HAProxy and PgBouncer", 234, 210)
MEMBERS = Column("PostgreSQL", 544, 230)
STORE = Column("etcd", 874, 180)
WIDTH = STORE.x + STORE.width + MARGIN


@dataclass(frozen=True)
class Box:
    """One box; `state` is ok, weak or down, or plain where nothing is known; `leads` sets a leader off."""

    name: str
    x: int
    y: int
    width: int
    height: int
    state: str
    title: str
    lines: tuple[str, ...] = ()
    leads: bool = False

    @property
    def left(self) -> tuple[int, int]:
        """Where lines come in."""
        return self.x, self.y + self.height // 2

    @property
    def right(self) -> tuple[int, int]:
        """Where lines go out."""
        return self.x + self.width, self.y + self.height // 2


@dataclass(frozen=True)
class Line:
    """One line: `kind` is connect, write, read, commit (replication that commits wait for) or stream."""

    kind: str
    path: str


def picture(answer: Answer, topology: Topology) -> dict[str, Any]:
    """The drawing as plain data: its size, the columns' titles, boxes and lines."""
    members, proxies, store = _members(answer, topology), _proxies(answer, topology), _store(answer, topology)
    rows = max(len(members), len(proxies), len(store), 1)
    application = _box(APPLICATION, "application", (rows - 1) / 2, "plain", ())
    lines = [*_ways(application, proxies, members, answer), *_replication(members, answer)]
    return {
        "width": WIDTH,
        "height": TOP + rows * ROW,
        "columns": [asdict(column) for column in (PROXIES, MEMBERS, STORE)],
        "boxes": [asdict(box) for box in (application, *proxies, *members, *store)],
        "lines": [asdict(line) for line in lines],
    }


def _members(answer: Answer, topology: Topology) -> list[Box]:
    """The leader on top, then by name; those that Patroni does not list at the end."""
    listed = list(answer["cluster"]["members"]) if answer["cluster"] else []
    listed.sort(key=lambda each: each["role"] not in LEADER_ROLES)
    missing = [name for name in topology["postgres"] if name not in {each["name"] for each in listed}]
    boxes = [_member(at, each, answer) for at, each in enumerate(listed)]
    return boxes + [_box(MEMBERS, name, len(boxes) + at, *_unlisted(name, answer)) for at, name in enumerate(missing)]


def _member(at: int, member: Answer, answer: Answer) -> Box:
    up, leads = member["state"] in UP_STATES, member["role"] in LEADER_ROLES
    same = member["timeline"] == answer["cluster"]["timeline"]
    state = "down" if not up else "ok" if same and not member["pending_restart"] else "weak"
    lag = member["replay_lag_bytes"] if member["replay_lag_bytes"] is not None else member["lag_bytes"]
    told = f"timeline {member['timeline'] or '?'}" + ("" if leads or lag is None else f", {size(lag)} behind")
    return _box(MEMBERS, member["name"], at, state, (f"{member['role']}, {member['state']}", told), leads)


def _unlisted(name: str, answer: Answer) -> tuple[str, tuple[str, ...]]:
    """A member that Patroni does not list is what its own PostgreSQL says."""
    told = answer["instances"].get(name)
    if told is None:
        return "down", ("does not answer",)
    return "weak", ("standby" if told["in_recovery"] else "primary", f"timeline {told['timeline']}")


def _proxies(answer: Answer, topology: Topology) -> list[Box]:
    return [_proxy(at, name, answer) for at, name in enumerate(topology["proxy"])]


def _proxy(at: int, name: str, answer: Answer) -> Box:
    servers, poolers = answer["proxies"].get(name), answer["poolers"].get(name, {})
    if servers is None:
        return _box(PROXIES, name, at, "down", ("does not answer",))
    leaders = _up(servers, LEADER_BACKEND)
    clients = [_clients(endpoint, told) for endpoint, told in poolers.items()]
    well = leaders and all(told and not told["paused"] for told in poolers.values())
    return _box(PROXIES, name, at, "ok" if well else "weak" if leaders else "down", tuple(clients))


def _clients(endpoint: str, told: Answer | None) -> str:
    if told is None:
        return f"{endpoint} pool: no answer"
    waiting = told["clients_waiting"]
    if told["paused"]:
        return f"{endpoint} pool: paused"
    return f"{endpoint} pool: {told['clients_active']} active" + (f", {waiting} wait" if waiting else "")


def _store(answer: Answer, topology: Topology) -> list[Box]:
    state = answer["etcd"]
    known = {each["name"]: each for each in state["members"]} if state else {}
    names = list(dict.fromkeys((*topology["etcd"], *known)))
    return [_store_member(at, name, known.get(name), state) for at, name in enumerate(names)]


def _store_member(at: int, name: str, member: Answer | None, state: Answer | None) -> Box:
    if member is None or state is None or not member["healthy"]:
        return _box(STORE, name, at, "down", ("does not take part",))
    leads = name == state["leader"]
    role = "learner" if member["is_learner"] else "leader" if leads else "follower"
    weak = member["is_learner"] or any(alarm["member_id"] == member["id"] for alarm in state["alarms"])
    lines = (role, f"database {size(member['db_size_bytes'] or 0)}")
    return _box(STORE, name, at, "weak" if weak else "ok", lines, leads)


def _ways(application: Box, proxies: Sequence[Box], members: Sequence[Box], answer: Answer) -> Iterator[Line]:
    """From the application over each proxy that answers to where it sends writes and reads."""
    by_name = {box.name: box for box in members}
    for proxy in proxies:
        servers = answer["proxies"].get(proxy.name)
        if servers is None:
            continue
        yield Line("connect", _curve(application.right, proxy.left))
        for kind, backend in (("read", REPLICAS_BACKEND), ("write", LEADER_BACKEND)):
            for name in _up(servers, backend):
                if name in by_name:
                    yield Line(kind, _curve(proxy.right, by_name[name].left))


def _replication(members: Sequence[Box], answer: Answer) -> Iterator[Line]:
    """From the leader to each standby that follows, around the right side."""
    listed = {each["name"]: each for each in answer["cluster"]["members"]} if answer["cluster"] else {}
    leader = next((box for box in members if box.leads), None)
    for box in members:
        if leader and box is not leader and box.name in listed and box.state != "down":
            waits = box.name in answer["sync"]["standbys"]
            yield Line("commit" if waits else "stream", _loop(leader.right, box.right))


def _up(servers: Sequence[Answer], backend: str) -> list[str]:
    return [s["name"] for s in servers if s["backend"] == backend and s["is_up"]]


def _box(column: Column, name: str, row: float, state: str, lines: tuple[str, ...], leads: bool = False) -> Box:
    y = TOP + round(row * ROW)
    shown = tuple(_short(line) for line in lines)
    return Box(name, column.x, y, column.width, HEIGHT, state, _short(name), shown, leads)


def _short(text: str) -> str:
    shown = plain(text)
    return shown if len(shown) <= WORD else f"{shown[: WORD - 1]}…"


def _curve(start: tuple[int, int], end: tuple[int, int]) -> str:
    middle = (start[0] + end[0]) // 2
    return f"M{start[0]} {start[1]} C{middle} {start[1]} {middle} {end[1]} {end[0]} {end[1]}"


def _loop(start: tuple[int, int], end: tuple[int, int]) -> str:
    out = max(start[0], end[0]) + 30 + abs(end[1] - start[1]) // 6
    return f"M{start[0]} {start[1]} C{out} {start[1]} {out} {end[1]} {end[0]} {end[1]}"
