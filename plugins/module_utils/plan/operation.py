# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may take the lock of a cluster, which journal entry goes with it, and what a release ends. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import Refused
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.operation import (
    Holder,
    JournalEntry,
    Keys,
    Lock,
    OperationState,
)


class HeldByAnother(Refused):
    """Another run has the lock; `held_by` in the details says which, and at which revision it was written."""


@dataclass(frozen=True)
class HoldWish:
    """A run that wants the lock. `key` is for its journal entry, should it begin a new one; `ttl` is in seconds.

    `takeover_revision` is that of another's lock whose holder is known to be dead; `force` takes any lock.
    """

    operation: str
    holder: Holder
    now: str
    key: str
    ttl: int
    keep: int
    notes: Mapping[str, Any] = field(default_factory=dict)
    force: bool = False
    takeover_revision: int = 0


@dataclass(frozen=True)
class Hold:
    """The lock and its journal entry as they shall be.

    `renews`: the lock stays as it is and only its lease begins anew. `replaces` is the revision of the lock that this
    one replaces, 0 for none. Entries whose keys come before `prune_before` are deleted. `interrupted` is an operation
    that was left unfinished, and `continues` says that this one goes on under its entry.
    """

    lock: Lock
    entry: JournalEntry
    renews: bool = False
    notes_are_new: bool = True
    nested: bool = False
    replaces: int = 0
    prune_before: str = ""
    interrupted: JournalEntry | None = None
    continues: bool = False
    taken_over_from: Holder | None = None


@dataclass(frozen=True)
class ReleaseWish:
    """A run that ends its operation; `outcome` is succeeded, failed or refused."""

    operation: str
    holder: Holder
    now: str
    outcome: str
    notes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Release:
    """Whether the lock is the run's own and goes, and the journal entries as they shall be."""

    frees: bool = False
    closes: tuple[JournalEntry, ...] = ()


def plan_hold(state: OperationState, wish: HoldWish, keys: Keys) -> Hold:
    """How the run gets or keeps the lock. Raises HeldByAnother."""
    if state.lock and state.lock.holder == wish.holder:
        return _keep(state, state.lock, wish)
    if state.is_held and not wish.force and wish.takeover_revision != state.revision:
        raise HeldByAnother(_who_holds(state, keys), held_by=state.lock_facts())
    return _take(state, wish)


def _keep(state: OperationState, lock: Lock, wish: HoldWish) -> Hold:
    """Go on with the own lock. An operation inside another one of the same run shares the outer one's lock."""
    nested = lock.operation != wish.operation
    known = state.entry(lock.entry)
    entry = (known or JournalEntry(lock.entry, lock.operation, lock.holder, lock.begun_at)).noting(wish.notes)
    renews = nested or lock.ttl == wish.ttl
    return Hold(
        lock=lock if renews else replace(lock, ttl=wish.ttl),
        entry=entry,
        renews=renews,
        notes_are_new=entry != known,
        nested=nested,
        replaces=state.revision,
        interrupted=state.interrupted,
    )


def _take(state: OperationState, wish: HoldWish) -> Hold:
    """Take a lock that is free, or given up for dead, whose operation then counts as interrupted too."""
    interrupted = replace(state, lock=None, lock_problem="").interrupted
    continues = interrupted is not None and interrupted.operation == wish.operation
    if interrupted and continues:
        entry = replace(interrupted, holder=wish.holder).noting(wish.notes)
    else:
        entry = JournalEntry(wish.key, wish.operation, wish.holder, wish.now, dict(wish.notes))
    return Hold(
        lock=Lock(wish.operation, wish.holder, entry.begun_at, entry.key, wish.ttl),
        entry=entry,
        replaces=state.revision,
        prune_before=_oldest_to_keep(state, entry.key, wish.keep),
        interrupted=interrupted,
        continues=continues,
        taken_over_from=state.lock.holder if state.lock else None,
    )


def _oldest_to_keep(state: OperationState, key: str, keep: int) -> str:
    """The key of the oldest entry that stays, and always the run's own; empty while there is nothing to delete."""
    newest_first = sorted({*state.journal_revisions, key}, reverse=True)
    return min(newest_first[keep - 1], key) if len(newest_first) > keep else ""


def plan_release(state: OperationState, wish: ReleaseWish) -> Release:
    """What ends with the operation: its lock and entry if they are the run's own, else nothing.

    An operation that succeeded has seen the whole cluster well, so it also closes what was interrupted before it.
    """
    lock = state.lock if state.lock and state.lock.holder == wish.holder else None
    if lock and lock.operation != wish.operation:
        return Release()
    own = [entry for entry in state.unfinished if _is_own(entry, wish) and (not lock or entry.key == lock.entry)]
    closed = [replace(entry, outcome=wish.outcome, finished_at=wish.now).noting(wish.notes) for entry in own[:1]]
    if lock and wish.outcome == "succeeded":
        left = [entry for entry in state.unfinished if entry.key != lock.entry]
        closed += [replace(entry, outcome="interrupted", finished_at=wish.now) for entry in left]
    return Release(frees=lock is not None, closes=tuple(closed))


def _is_own(entry: JournalEntry, wish: ReleaseWish) -> bool:
    return (entry.operation, entry.holder) == (wish.operation, wish.holder)


def _who_holds(state: OperationState, keys: Keys) -> str:
    force = "if that run is surely dead, run this again with -e operation_force=true"
    if not state.lease:
        lives = f"It has no lease and never ends by itself. Next: {force}"
    else:
        lives = f"It ends in {state.seconds_left} s unless it is renewed. Next: wait {state.seconds_left} s, or {force}"
    if state.lock is None:
        return f"the lock of the cluster {keys.cluster} is taken by nobody knows whom: {state.lock_problem}. {lives}"
    return (
        f"the cluster {keys.cluster} is being operated on: {state.lock.operation} by {state.lock.holder} "
        f"holds its lock since {state.lock.begun_at}. {lives}"
    )
