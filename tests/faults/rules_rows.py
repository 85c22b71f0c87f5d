"""Rules for the rows that are left: what was acknowledged is there, once, and nothing else. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from faults.history import Aftermath, History, Outcome, Row, Write

FEW = 3


def lost(history: History, after: Aftermath) -> Iterator[str]:
    """No acknowledged row is missing."""
    there = set(after.rows)
    missing = [write for write in acknowledged(history) if row_of(write) not in there]
    if missing:
        yield f"{len(missing)} acknowledged rows are not there: {', '.join(map(name, missing[:FEW]))}"


def doubled(_history: History, after: Aftermath) -> Iterator[str]:
    """No row is there twice."""
    twice = [row for row, count in Counter(after.rows).items() if count > 1]
    if twice:
        yield f"{len(twice)} rows are there more than once: {twice[:FEW]}"


def foreign(history: History, after: Aftermath) -> Iterator[str]:
    """No row is there that nobody sent, or whose writer was told that it is not."""
    sent = {row_of(write): write for write in history.writes}
    unsent = [row for row in dict.fromkeys(after.rows) if row not in sent]
    if unsent:
        yield f"{len(unsent)} rows are there that nobody sent: {unsent[:FEW]}"
    denied = [sent[row] for row in dict.fromkeys(after.rows) if row in sent and sent[row].outcome is Outcome.FAILED]
    if denied:
        told = ", ".join(f"{name(write)}: {write.error}" for write in denied[:FEW])
        yield f"{len(denied)} rows are there whose writers were told that they failed: {told}"


def members_differ(_history: History, after: Aftermath) -> Iterator[str]:
    """Every member has the leader's rows, and an index that fits them."""
    for member, digest in after.digests.items():
        if digest != after.digests[after.leader]:
            yield f"{member} has other rows than the leader {after.leader}"
    yield from (f"{member}: {said}" for member, said in after.corruption.items() if said)


def acknowledged(history: History) -> list[Write]:
    return [write for write in history.writes if write.outcome is Outcome.OK]


def row_of(write: Write) -> Row:
    return Row(write.worker, write.seq, write.id)


def name(write: Write) -> str:
    where = f" on {write.place.member}, timeline {write.place.timeline}" if write.place else ""
    return f"{write.worker} row {write.seq}{where}"
