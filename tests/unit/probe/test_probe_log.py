# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The log of a client: gaps, and what is certain of each attempt."""

from __future__ import annotations

import json
import random

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.probe.log import StreamLog

EMPTY = StreamLog("rw#1", "rw", "write")


def told(*events: tuple[str, float]) -> StreamLog:
    """A log from words: ok, no (failed for certain), lost (unknown), sent (still under way), end."""
    log = EMPTY
    for word, now in events:
        if word == "end":
            log = log.closed(now)
            continue
        log = log.sending()
        if word == "ok":
            log = log.answered(now)
        elif word != "sent":
            log = log.denied(f"{word} at {now}", maybe_done=word == "lost")
    return log


GAPS = [
    # (what happened, the longest gap, when it began)
    ([], 0.0, None),
    ([("ok", 1)], 0.0, None),
    ([("ok", 1), ("ok", 3), ("ok", 4)], 2, 1),
    ([("ok", 1), ("ok", 2), ("ok", 4)], 2, 2),
    ([("ok", 1), ("ok", 2), ("ok", 3)], 1, 1),
    ([("no", 1), ("no", 5), ("ok", 9), ("ok", 10)], 1, 9),
    ([("ok", 1), ("no", 2), ("lost", 3), ("ok", 6)], 5, 1),
    ([("ok", 1), ("ok", 2), ("end", 9)], 7, 2),
    ([("ok", 1), ("no", 2), ("end", 4)], 3, 1),
    ([("no", 1), ("end", 9)], 0.0, None),
]


@pytest.mark.parametrize(("events", "gap", "began"), GAPS)
def test_the_longest_time_without_an_acknowledgement(events, gap, began):
    log = told(*events)
    assert (log.gap, log.gap_began) == (gap, began)


CERTAIN = [
    # (what happened, acknowledged attempts, unknown ones, errors)
    ([("ok", 1), ("ok", 2)], {1, 2}, (), 0),
    ([("ok", 1), ("no", 2), ("ok", 3)], {1, 3}, (), 1),
    ([("ok", 1), ("lost", 2), ("ok", 3)], {1, 3}, (2,), 1),
    ([("ok", 1), ("sent", 2)], {1}, (), 0),
    ([("ok", 1), ("sent", 2), ("end", 3)], {1}, (2,), 0),
    ([("no", 1), ("lost", 2), ("ok", 3), ("no", 4)], {3}, (2,), 1),
]


@pytest.mark.parametrize(("events", "certain", "unknown", "errors"), CERTAIN)
def test_what_is_certain(events, certain, unknown, errors):
    log = told(*events)
    assert (log.certain, log.unknown, log.errors) == (certain, unknown, errors)
    assert log.may_have_rows


def test_what_failed_for_certain_leaves_no_row():
    assert not EMPTY.may_have_rows
    assert not told(("no", 1), ("no", 2)).may_have_rows


def test_errors_before_the_first_success_are_why_it_had_none():
    log = told(("no", 1), ("no", 2))
    assert (log.has_begun, log.errors, log.samples, log.latest_error) == (False, 0, (), "no at 2")


def test_three_errors_are_kept_in_words_and_all_are_counted():
    log = told(("ok", 0), *(("no", n) for n in range(1, 8)))
    assert (log.errors, log.samples) == (7, ("no at 1", "no at 2", "no at 3"))


def test_whatever_happens_the_log_agrees_with_the_list_of_events():
    chance = random.Random(404)
    for _case in range(500):
        now, events = 0.0, []
        for _event in range(chance.randint(1, 30)):
            now += chance.choice([0.5, 1, 2, 7])
            events.append((chance.choice(["ok", "ok", "ok", "no", "lost"]), now))
        end = now + chance.choice([0, 1, 20])
        log = told(*events, ("end", end))
        moments = [at for word, at in events if word == "ok"]
        gaps = [later - earlier for earlier, later in zip(moments, [*moments[1:], end], strict=False)]
        assert log.gap == max(gaps, default=0.0)
        assert log.certain == {number for number, (word, _at) in enumerate(events, 1) if word == "ok"}
        assert log.acknowledged == len(moments)
        assert StreamLog.from_json(json.loads(json.dumps(log.to_json()))) == log
