# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.wait import wait_until


class HandClock:
    """A clock that moves only when somebody sleeps, or a probe takes its time."""

    def __init__(self) -> None:
        self.time = 100.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.time += seconds


def test_what_is_so_already_is_not_waited_for() -> None:
    clock = HandClock()
    outcome = wait_until(lambda: 7, lambda seen: seen == 7, seconds=60, clock=clock)
    assert (outcome.reached, outcome.last, outcome.seconds) == (True, 7, 0)


def test_the_state_is_met_at_the_first_probe_that_shows_it() -> None:
    seen = iter(["starting", "starting", "running", "never asked"])
    outcome = wait_until(
        lambda: next(seen), lambda state: state == "running", seconds=60, interval=2, clock=HandClock()
    )
    assert (outcome.reached, outcome.last, outcome.seconds) == (True, "running", 4)


@pytest.mark.parametrize(("seconds", "probes"), [(0, 1), (1, 2), (2.5, 4)])
def test_a_wait_in_vain_probes_once_more_at_its_end(seconds: float, probes: int) -> None:
    asked: list[float] = []
    clock = HandClock()
    outcome = wait_until(lambda: asked.append(clock.now()), lambda _seen: False, seconds=seconds, clock=clock)
    assert not outcome.reached
    assert len(asked) == probes
    assert asked[-1] == 100 + seconds


def test_slow_probes_do_not_prolong_the_wait_by_more_than_one() -> None:
    clock = HandClock()
    outcome = wait_until(lambda: clock.sleep(40), lambda _seen: False, seconds=60, clock=clock)
    assert outcome.seconds == 81
