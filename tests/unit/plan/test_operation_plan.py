# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.operation import (
    Holder,
    JournalEntry,
    Keys,
    Lock,
    OperationState,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.operation import (
    HeldByAnother,
    HoldWish,
    ReleaseWish,
    plan_hold,
    plan_release,
)

KEYS = Keys("main")
RUNS = [Holder("alice", "ctl1", pid, pid) for pid in (1, 2, 3)]


def test_what_is_stored_is_read_back() -> None:
    lock = Lock("switchover", RUNS[0], "2026", "/key", 60)
    entry = JournalEntry("/key", "switchover", RUNS[0], "2026", {"{{": "\n\0é"}, "failed", "2027")
    assert Lock.parse(lock.to_bytes()) == lock
    assert JournalEntry.parse("/key", entry.to_bytes()) == entry


@dataclass
class World:
    """What etcd would hold; written apart from the plans. `mine` is which run has which operation by its own belief."""

    lock: Lock | None = None
    revision: int = 0
    journal: dict[str, JournalEntry] = field(default_factory=dict)
    clock: int = 1000

    def state(self) -> OperationState:
        held = (
            OperationState(self.lock, revision=self.revision, lease=5, seconds_left=9)
            if self.lock
            else OperationState()
        )
        newest_first = sorted(self.journal, reverse=True)
        entries = tuple(self.journal[key] for key in newest_first)
        return replace(held, journal=entries, journal_revisions=dict.fromkeys(newest_first, 1))

    def tick(self) -> str:
        self.clock += 1
        return str(self.clock)

    def hold(self, run: Holder, operation: str, **options: object) -> bool:
        now = self.tick()
        wish = HoldWish(operation, run, now, f"{KEYS.journal}{now}", ttl=60, keep=4)
        try:
            plan = plan_hold(self.state(), replace(wish, **options), KEYS)  # type: ignore[arg-type]
        except HeldByAnother:
            return False
        self.journal = {key: entry for key, entry in self.journal.items() if key >= plan.prune_before}
        self.journal[plan.entry.key] = plan.entry
        self.lock, self.revision = plan.lock, self.clock
        return True

    def release(self, run: Holder, operation: str, outcome: str) -> None:
        plan = plan_release(self.state(), ReleaseWish(operation, run, self.tick(), outcome))
        self.journal |= {entry.key: entry for entry in plan.closes}
        if plan.frees:
            self.lock, self.revision = None, 0

    def expire(self) -> None:
        self.lock, self.revision = None, 0


def step(world: World, chance: random.Random) -> None:
    run, operation = chance.choice(RUNS), chance.choice(["switchover", "restart"])
    before = world.lock
    act = chance.choice(["hold", "hold", "force", "release", "release", "expire"])
    if act == "expire":
        world.expire()
    elif act == "release":
        world.release(run, operation, chance.choice(["succeeded", "failed", "refused"]))
        own = before and (before.holder, before.operation) == (run, operation)
        assert world.lock == (None if own else before)
    else:
        had = world.hold(run, operation, force=act == "force")
        assert had == (act == "force" or before is None or before.holder == run)
        assert world.lock is not None
        assert world.lock == before if not had else world.lock.holder == run


def test_whatever_happens_one_run_holds_the_lock_with_an_unfinished_entry_and_nothing_unfinished_is_hidden() -> None:
    chance = random.Random(20261)
    for _case in range(300):
        world = World()
        for _step in range(25):
            step(world, chance)
            state = world.state()
            if world.lock:
                entry = world.journal[world.lock.entry]
                assert not entry.outcome
                assert (entry.operation, entry.holder) == (world.lock.operation, world.lock.holder)
                assert entry.begun_at == world.lock.begun_at
            open_ones = {e.key for e in state.unfinished} - {world.lock.entry if world.lock else ""}
            assert (state.interrupted.key if state.interrupted else None) == max(open_ones, default=None)
            assert all(entry.outcome or not entry.finished_at for entry in world.journal.values())


def test_after_a_success_nothing_is_unfinished() -> None:
    world = World()
    for run in RUNS:
        world.hold(run, f"operation {run.pid}")
        world.expire()
    world.hold(RUNS[0], "last")
    world.release(RUNS[0], "last", "succeeded")
    assert world.state().unfinished == ()
    assert [entry.outcome for _key, entry in sorted(world.journal.items())] == ["interrupted"] * 3 + ["succeeded"]


def test_an_entry_that_is_continued_is_not_pruned_however_old_it_is() -> None:
    world = World()
    world.hold(RUNS[0], "restore")
    oldest = next(iter(world.journal))
    world.expire()
    for _number in range(3):
        world.hold(RUNS[1], "switchover")
        world.release(RUNS[1], "switchover", "failed")
    world.hold(RUNS[2], "restore", keep=1)
    assert world.lock is not None
    assert world.lock.entry == oldest
    assert oldest in world.journal


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (OperationState(Lock("restore", RUNS[1], "2026", "k", 60), "", 7, 5, 42), "wait 42 s"),
        (OperationState(Lock("restore", RUNS[1], "2026", "k", 60), "", 7, 0, 0), "never ends by itself"),
        (OperationState(None, "the lock holds no lock: no", 7, 5, 42), "nobody knows whom: the lock holds no lock"),
    ],
)
def test_a_refusal_says_what_to_do(state: OperationState, told: str) -> None:
    wish = HoldWish("switchover", RUNS[0], "now", "key", 60, 5)
    with pytest.raises(HeldByAnother) as caught:
        plan_hold(state, wish, KEYS)
    assert told in str(caught.value)
    assert "operation_force=true" in str(caught.value)
    assert plan_hold(state, replace(wish, takeover_revision=7), KEYS).replaces == 7
