# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who operates a cluster now, and who did before: the lock and the journal. Immutable; parsed once, here.

Both are JSON in etcd: the lock `/matriarch/CLUSTER/lock` ends with its holder's lease, the journal's entries
`/matriarch/CLUSTER/journal/BEGUN-ID` stay. Times are UTC in ISO 8601, so that the entries' keys sort by age.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

JOURNAL_KEEPS = 100  # entries, unless somebody wants another number
LARGEST_NOTES = 256 * 1024  # bytes; etcd takes 1.5 MB a request
SHOWN = 120  # characters of strange content that a message repeats


@dataclass(frozen=True)
class Keys:
    """Where a cluster's lock and journal lie in etcd. Any name of a cluster is safe: no other one has the same keys."""

    cluster: str

    @property
    def lock(self) -> str:
        """The key of the lock."""
        return f"/matriarch/{quote(self.cluster, safe='')}/lock"

    @property
    def journal(self) -> str:
        """What the keys of all entries begin with."""
        return f"/matriarch/{quote(self.cluster, safe='')}/journal/"


@dataclass(frozen=True)
class Holder:
    """One run of Ansible: who, on which control node, in which process.

    `started` is in clock ticks since the boot `boot_id`, `namespace` is that of the process ids, both as Linux tells
    them: together with them a process id means one process only. Elsewhere they are 0 and empty.
    """

    who: str
    host: str
    pid: int
    started: int = 0
    boot_id: str = ""
    namespace: str = ""

    @classmethod
    def from_json(cls, data: object) -> Holder:
        """Parse a holder. Raises ValueError when it is none."""
        told = _object(data, "a holder")
        return cls(
            who=_text(told, "who"),
            host=_text(told, "host"),
            pid=_number(told, "pid"),
            started=_number(told, "started"),
            boot_id=_text(told, "boot_id"),
            namespace=_text(told, "namespace"),
        )

    def facts(self) -> dict[str, Any]:
        """The holder as it is stored, and as a module returns it."""
        return {
            "who": self.who,
            "host": self.host,
            "pid": self.pid,
            "started": self.started,
            "boot_id": self.boot_id,
            "namespace": self.namespace,
        }

    def __str__(self) -> str:
        return f"{self.who} on {self.host} (process {self.pid})"


@dataclass(frozen=True)
class Lock:
    """The one operation that may change the cluster now. `ttl` is what its lease was granted for, in seconds."""

    operation: str
    holder: Holder
    begun_at: str
    entry: str
    ttl: int

    @classmethod
    def parse(cls, value: bytes) -> Lock:
        """Parse the content of the key. Raises ValueError when it is no lock."""
        told = _object(_json(value), "a lock")
        return cls(
            operation=_text(told, "operation"),
            holder=Holder.from_json(told.get("holder")),
            begun_at=_text(told, "begun_at"),
            entry=_text(told, "entry"),
            ttl=_number(told, "ttl"),
        )

    def to_bytes(self) -> bytes:
        """The content of the key."""
        return _stored({**self.facts(), "entry": self.entry})

    def facts(self) -> dict[str, Any]:
        """The lock as a module returns it."""
        held = {"operation": self.operation, "holder": self.holder.facts()}
        return {**held, "begun_at": self.begun_at, "ttl": self.ttl}


@dataclass(frozen=True)
class JournalEntry:
    """One operation, from its beginning to its outcome; `outcome` is empty until it is finished."""

    key: str
    operation: str
    holder: Holder
    begun_at: str
    notes: Mapping[str, Any] = field(default_factory=dict)
    outcome: str = ""
    finished_at: str = ""

    @classmethod
    def parse(cls, key: str, value: bytes) -> JournalEntry:
        """Parse the content of an entry's key. Raises ValueError when it is none."""
        told = _object(_json(value), "a journal entry")
        return cls(
            key=key,
            operation=_text(told, "operation"),
            holder=Holder.from_json(told.get("holder")),
            begun_at=_text(told, "begun_at"),
            notes=_object(told.get("notes"), "notes"),
            outcome=_text(told, "outcome"),
            finished_at=_text(told, "finished_at"),
        )

    def noting(self, notes: Mapping[str, Any]) -> JournalEntry:
        """The same entry with more noted; a later note of the same name replaces the former."""
        return replace(self, notes={**self.notes, **notes})

    def to_bytes(self) -> bytes:
        """The content of the key."""
        return _stored(self.facts())

    def facts(self) -> dict[str, Any]:
        """The entry as it is stored, and as a module returns it."""
        begun = {"operation": self.operation, "holder": self.holder.facts(), "begun_at": self.begun_at}
        return {**begun, "notes": dict(self.notes), "outcome": self.outcome, "finished_at": self.finished_at}


@dataclass(frozen=True)
class OperationState:
    """A cluster's lock and the newest of its journal, at one moment.

    `lock` is None where there is none, and where `lock_problem` says why it cannot be read. `revision` and `lease` are
    those of the lock's key, 0 where it does not exist or never ends; `seconds_left` is how long the lease still lives.
    `journal` has the newest entry first, `journal_revisions` also the keys of those that cannot be read.
    """

    lock: Lock | None = None
    lock_problem: str = ""
    revision: int = 0
    lease: int = 0
    seconds_left: int = 0
    journal: tuple[JournalEntry, ...] = ()
    journal_revisions: Mapping[str, int] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    @property
    def is_held(self) -> bool:
        """True while somebody has the lock, be it readable or not."""
        return self.revision != 0

    @property
    def unfinished(self) -> tuple[JournalEntry, ...]:
        """The entries without an outcome, the newest first."""
        return tuple(entry for entry in self.journal if not entry.outcome)

    @property
    def interrupted(self) -> JournalEntry | None:
        """The newest operation that has no outcome and no lock any more; unknown while the lock cannot be read."""
        if self.lock_problem:
            return None
        holding = self.lock.entry if self.lock else ""
        return next((entry for entry in self.unfinished if entry.key != holding), None)

    def entry(self, key: str) -> JournalEntry | None:
        """The entry under that key."""
        return next((entry for entry in self.journal if entry.key == key), None)

    def lock_facts(self) -> dict[str, Any] | None:
        """The lock as a module returns it."""
        if not self.is_held:
            return None
        readable = self.lock.facts() if self.lock else dict.fromkeys(("operation", "holder", "begun_at", "ttl"))
        return {**readable, "lease_seconds_left": self.seconds_left, "revision": self.revision}


def _stored(facts: Mapping[str, Any]) -> bytes:
    return json.dumps(facts, sort_keys=True).encode()


def _json(value: bytes) -> object:
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{value[:SHOWN]!r} is not JSON") from error


def _object(data: object, what: str) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        raise ValueError(f"expected {what}, got {_shown(data)}")
    return data


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    if not isinstance(value, str):
        raise ValueError(f"{name} should be text, but is {_shown(value)}")
    return value


def _number(data: Mapping[str, Any], name: str) -> int:
    value = data.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{name} should be a number, but is {_shown(value)}")
    return value


def _shown(value: object) -> str:
    return ascii(value)[:SHOWN]
