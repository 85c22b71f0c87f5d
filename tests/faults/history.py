"""What happened during a fault, as clients and a watcher wrote it down. Moments: seconds of one monotonic clock."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

REPLICAS = ("ro", "pooled-ro")
"""Endpoints that lead to replicas."""


class Outcome(Enum):
    """What a client knows of its write: it is there, it is not, or it may be."""

    OK = "ok"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Place:
    """Where a row was written, told by the server in the statement that wrote it; `lsn` in bytes."""

    member: str
    timeline: int
    lsn: int


@dataclass(frozen=True)
class Write:
    """One row of one worker, whose numbers count up; `place` is known where an answer came."""

    worker: str
    endpoint: str
    seq: int
    id: uuid.UUID
    sent: float
    answered: float
    outcome: Outcome
    place: Place | None = None
    error: str = ""


@dataclass(frozen=True)
class Read:
    """The newest row of each worker as somebody read it, or why nobody could."""

    client: str
    endpoint: str
    sent: float
    answered: float
    newest: Mapping[str, int] | None
    error: str = ""


@dataclass(frozen=True)
class Refusal:
    """Somebody could not even connect."""

    client: str
    endpoint: str
    moment: float
    error: str


@dataclass(frozen=True)
class Sample:
    """What one member said of itself; the timeline counts where it is a leader's."""

    member: str
    moment: float
    leads: bool
    timeline: int
    lsn: int


@dataclass(frozen=True)
class Row:
    """What is in the table."""

    worker: str
    seq: int
    id: uuid.UUID


@dataclass(frozen=True)
class Fork:
    """Timeline `timeline` ends at `lsn`: what it had beyond is no part of the next one."""

    timeline: int
    lsn: int


@dataclass(frozen=True)
class History:
    """Everything that was noted while clients worked."""

    writes: Sequence[Write] = ()
    reads: Sequence[Read] = ()
    refusals: Sequence[Refusal] = ()
    samples: Sequence[Sample] = ()


@dataclass(frozen=True)
class Aftermath:
    """How things stand when all is over: rows as the leader has them, forks of the leader's past, and of each member
    the forks of its past, the digest of its rows, and what amcheck says of its index (nothing, if all is well)."""

    leader: str
    timeline: int
    rows: Sequence[Row]
    forks: Sequence[Fork]
    member_forks: Mapping[str, Sequence[Fork]] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)
    corruption: Mapping[str, str] = field(default_factory=dict)
