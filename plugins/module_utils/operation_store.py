# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster's lock and journal in etcd: read them, and bring plans about as long as nobody else changes them meanwhile.

What is garbled there is a finding, not an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, TypeVar

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.etcd_keys import (
    NO_LEASE,
    Created,
    Delete,
    EtcdKeys,
    KeyValue,
    Put,
    Unchanged,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.json_http import first_answer
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError, RemoteError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.operation import (
    JournalEntry,
    Keys,
    Lock,
    OperationState,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.operation import (
    Hold,
    HoldWish,
    Release,
    ReleaseWish,
    plan_hold,
    plan_release,
)

Answer = TypeVar("Answer")

SHORTEST_TTL = 10  # seconds
RACES = 5  # so often another run may change the lock between our look at it and our change

# How modules are told which run of Ansible has the lock.
HOLDER: dict[str, dict[str, Any]] = {
    "who": {"type": "str", "required": True},
    "host": {"type": "str", "required": True},
    "pid": {"type": "int", "required": True},
    "started": {"type": "int", "default": 0},
    "boot_id": {"type": "str", "default": ""},
    "namespace": {"type": "str", "default": ""},
}


def utc_now() -> str:
    """The time of day on this host, like 2026-03-01T10:00:00.123456Z."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Store:
    """Several servers of one etcd, of which whichever answers will do."""

    def __init__(self, clients: Iterable[EtcdKeys]) -> None:
        self._clients = list(clients)

    def ask(self, operation: Callable[[EtcdKeys], Answer]) -> Answer:
        """Ask one server after the other, and from then on first the one that answered: silence costs a timeout.

        A request whose answer was lost is so sent twice. Raises NobodyAnswered.
        """
        found = first_answer(self._clients, operation)
        self._clients.sort(key=lambda client: client is not found.client)
        return found.answer


def read_operation(store: Store, keys: Keys, entries: int) -> OperationState:
    """The lock, and so many of the newest entries of the journal. Raises NobodyAnswered."""
    held = store.ask(lambda etcd: etcd.get(keys.lock))
    lock, problem = _parse_lock(held)
    lease = held.lease if held else 0
    kept = store.ask(lambda etcd: etcd.last_below(keys.journal, entries))
    journal, garbled = _parse_journal(kept)
    return OperationState(
        lock=lock,
        lock_problem=problem,
        revision=held.mod_revision if held else 0,
        lease=lease,
        seconds_left=max(store.ask(lambda etcd: etcd.lease_seconds_left(lease)), 0) if lease else 0,
        journal=journal,
        journal_revisions={kv.key: kv.mod_revision for kv in kept},
        problems=(*([problem] if problem else []), *garbled),
    )


def _parse_lock(held: KeyValue | None) -> tuple[Lock | None, str]:
    if held is None:
        return None, ""
    try:
        return Lock.parse(held.value), ""
    except ValueError as error:
        return None, f"{held.key} holds no lock: {error}"


def _parse_journal(kept: Iterable[KeyValue]) -> tuple[tuple[JournalEntry, ...], list[str]]:
    journal, garbled = [], []
    for kv in kept:
        try:
            journal.append(JournalEntry.parse(kv.key, kv.value))
        except ValueError as error:
            garbled.append(f"{ascii(kv.key)[1:-1]} holds no journal entry: {error}")
    return tuple(journal), garbled


def hold(store: Store, keys: Keys, wish: HoldWish, *, dry: bool) -> tuple[OperationState, Hold]:
    """Take or renew the lock, or if `dry` only plan it; what was there before, and the plan. Raises HeldByAnother."""
    for _race in range(RACES):
        state = read_operation(store, keys, wish.keep + 1)
        plan = plan_hold(state, wish, keys)
        if dry or (_renew if plan.renews else _take)(store, keys, state, plan):
            return state, plan
    raise _lost_race(keys)


def release(store: Store, keys: Keys, wish: ReleaseWish, keep: int, *, dry: bool) -> tuple[OperationState, Release]:
    """Give the lock back and close the entry, or if `dry` only plan it; what was there before, and the plan."""
    for _race in range(RACES):
        state = read_operation(store, keys, keep + 1)
        plan = plan_release(state, wish)
        if dry or not (plan.frees or plan.closes) or _let_go(store, keys, state, plan):
            return state, plan
    raise _lost_race(keys)


def _renew(store: Store, keys: Keys, state: OperationState, plan: Hold) -> bool:
    """Let the lease begin anew; tells whether it still lived and the lock is as planned with."""
    if store.ask(lambda etcd: etcd.renew_lease(state.lease)) == 0:
        return False
    entry = Put(plan.entry.key, plan.entry.to_bytes())
    still = Unchanged(keys.lock, state.revision)
    return not plan.notes_are_new or store.ask(lambda etcd: etcd.transact([still], [entry]))


def _take(store: Store, keys: Keys, state: OperationState, plan: Hold) -> bool:
    """The lock under a new lease and its entry, in one transaction; tells whether the lock was as planned with.

    The lease of a lock that is replaced has no key any more, and is left to end by itself.
    """
    lease = store.ask(lambda etcd: etcd.grant_lease(plan.lock.ttl))
    still = Unchanged(keys.lock, plan.replaces) if plan.replaces else Created(keys.lock)
    changes = [Put(keys.lock, plan.lock.to_bytes(), lease), Put(plan.entry.key, plan.entry.to_bytes())]
    old = [Delete(keys.journal, plan.prune_before)] if plan.prune_before else []
    if not store.ask(lambda etcd: etcd.transact([still], [*changes, *old])) and not _has_lease(store, keys, lease):
        _end_lease(store, lease)
        return False
    return True


def _has_lease(store: Store, keys: Keys, lease: int) -> bool:
    """True when the lock was taken with that lease: a transaction whose answer was lost fails when it is sent again."""
    found = store.ask(lambda etcd: etcd.get(keys.lock))
    return found is not None and found.lease == lease


def _let_go(store: Store, keys: Keys, state: OperationState, plan: Release) -> bool:
    """All of it in one transaction; tells whether lock and entries were still as planned with."""
    still = [Unchanged(entry.key, state.journal_revisions[entry.key]) for entry in plan.closes]
    changes: list[Put | Delete] = [Put(entry.key, entry.to_bytes()) for entry in plan.closes]
    if plan.frees:
        still.append(Unchanged(keys.lock, state.revision))
        changes.append(Delete(keys.lock))
    done = store.ask(lambda etcd: etcd.transact(still, changes))
    if done and plan.frees:
        _end_lease(store, state.lease)
    return done


def _end_lease(store: Store, lease: int) -> None:
    """End a lease that no key needs any more; it would also end by itself, so that a failure does not matter."""
    if lease == NO_LEASE:
        return
    try:
        store.ask(lambda etcd: etcd.revoke_lease(lease))
    except RemoteError:
        return


def _lost_race(keys: Keys) -> MatriarchError:
    return MatriarchError(f"the lock of {keys.cluster} changed {RACES} times while it was looked at: run this again")
