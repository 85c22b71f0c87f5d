# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each rule of the checker has a history that passes and one that fails, and fails for that rule alone."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest
from faults.budget import Budget, Course, Limit, broken, gaps
from faults.fault import GENEROUS, gap
from faults.history import Aftermath, Fork, History, Outcome, Place, Read, Row, Sample, Write
from faults.judgement import judge
from faults.verdict import rates

NO_LIMITS = Budget()
COURSE = Course(injected=10, acting=11, healing=19, healed=20, stable=25, ended=30, led=("db1", 1))


def write(seq, at, member="db1", timeline=1, lsn=None, worker="a", outcome=Outcome.OK, endpoint="rw", took=0.1):
    """Sent at `at`; the position grows with the time unless told otherwise."""
    place = Place(member, timeline, int(at * 100) if lsn is None else lsn) if outcome is Outcome.OK else None
    error = "" if outcome is Outcome.OK else "refused"
    return Write(worker, endpoint, seq, uuid.UUID(int=seq), at, at + took, outcome, place, error)


def row(seq, worker="a", number=None):
    return Row(worker, seq, uuid.UUID(int=number or seq))


def read(at, seq, took=0.1):
    return Read("reader", "rw", at, at + took, {"a": seq} if seq else {})


def sample(at, member, timeline, leads=True):
    return Sample(member, at, leads, timeline, 0)


# db1 acknowledges until 10 on timeline 1, which ends at 1100; db2 from 21 on, on timeline 2.
WRITES = (
    write(1, 8),
    write(2, 10),
    write(3, 15, outcome=Outcome.UNKNOWN),
    write(4, 16, outcome=Outcome.FAILED),
    write(5, 21, member="db2", timeline=2),
    write(6, 29, member="db2", timeline=2),
)
GOOD = History(
    writes=WRITES,
    reads=(read(9, 1), read(10.05, 1), read(22, 5)),
    samples=(sample(8, "db1", 1), sample(8, "db2", 1, leads=False), sample(26, "db2", 2), sample(26, "db1", 1, False)),
)
FORKS = (Fork(1, 1100),)
AFTER = Aftermath(
    leader="db2",
    timeline=2,
    rows=[row(1), row(2), row(5), row(6)],
    forks=FORKS,
    member_forks={"db1": FORKS, "db2": FORKS},
    digests={"db1": "x", "db2": "x"},
    corruption={"db1": "", "db2": ""},
)


def found(history=GOOD, after=AFTER, course=COURSE, budget=NO_LIMITS):
    return {problem.rule for problem in judge(history, after, course, budget)}


def test_a_good_history_has_no_problem():
    assert judge(GOOD, AFTER, COURSE, Budget(gap={"rw": Limit(10.0, 11.5)}, errors={"rw": 2}, leadership="moves")) == []


def test_an_unknown_row_may_be_there_or_not():
    assert found(after=replace(AFTER, rows=[*AFTER.rows, row(3)])) == set()


@pytest.mark.parametrize(
    ("rule", "rows"),
    [
        ("lost", [row(1), row(5), row(6)]),
        ("doubled", [*AFTER.rows, row(5)]),
        ("doubled", [*AFTER.rows, row(3), row(3)]),
        ("foreign", [*AFTER.rows, row(7)]),
        ("foreign", [*AFTER.rows, row(2, number=99)]),
        ("foreign", [*AFTER.rows, row(4)]),
    ],
    ids=["lost", "acknowledged twice", "unknown twice", "never sent", "another's", "denied"],
)
def test_rows(rule, rows):
    assert found(after=replace(AFTER, rows=rows)) == {rule}


def test_a_row_with_another_id_is_lost_as_well():
    rows = [row(1), row(2, number=99), row(5), row(6)]
    assert found(after=replace(AFTER, rows=rows)) == {"lost", "foreign"}


@pytest.mark.parametrize(
    "after",
    [replace(AFTER, digests={"db1": "y", "db2": "x"}), replace(AFTER, corruption={"db1": "item order invariant"})],
    ids=["rows", "index"],
)
def test_members_differ(after):
    assert found(after=after) == {"members_differ"}


@pytest.mark.parametrize(
    ("late", "overlaps"),
    [
        (write(7, 21.05, lsn=1000), False),  # sent before the other's first answer at 21.1: either may have come first
        (write(7, 21.2, lsn=1000), True),
    ],
)
def test_two_members_acknowledge_at_a_time(late, overlaps):
    history = replace(GOOD, writes=[*WRITES, late], reads=())
    after = replace(AFTER, rows=[*AFTER.rows, row(7)])
    assert found(history, after) == ({"two_members"} if overlaps else set())


def test_two_members_on_one_timeline():
    history = replace(GOOD, writes=[*WRITES, write(7, 28, member="db3", timeline=2)])
    assert found(history, replace(AFTER, rows=[*AFTER.rows, row(7)])) == {"two_members"}


@pytest.mark.parametrize(("lsn", "rules"), [(1100, set()), (1101, {"beyond_fork"})])
def test_acknowledged_beyond_the_fork(lsn, rules):
    writes = [write(1, 8), replace(write(2, 10), place=Place("db1", 1, lsn)), *WRITES[2:]]
    assert found(replace(GOOD, writes=writes)) == rules


@pytest.mark.parametrize(
    "after",
    [
        replace(AFTER, member_forks={"db1": (Fork(1, 1101),), "db2": FORKS}),
        replace(AFTER, member_forks={"db1": (), "db2": FORKS}),
        replace(AFTER, forks=(Fork(2, 9000),), timeline=3, member_forks={}),
        replace(AFTER, forks=(Fork(2, 9000), Fork(1, 9100)), timeline=3, member_forks={}),
        replace(AFTER, forks=(Fork(1, 5000), Fork(2, 4000)), timeline=3, member_forks={}),
    ],
    ids=["another fork", "no past", "not in the past", "not counting up", "ends not in order"],
)
def test_timelines(after):
    assert found(after=after) == {"timelines"}


@pytest.mark.parametrize(
    "samples",
    [
        [sample(22, "db3", 2)],
        [sample(27, "db2", 1)],
    ],
    ids=["two leaders", "backwards"],
)
def test_one_leader_a_timeline(samples):
    assert found(replace(GOOD, samples=[*GOOD.samples, *samples])) == {"one_leader_a_timeline"}


@pytest.mark.parametrize("unseen", [8, 26], ids=["before", "at the end"])
def test_who_is_not_watched(unseen):
    samples = [each for each in GOOD.samples if (each.member, each.moment) != ("db1", unseen)]
    assert found(replace(GOOD, samples=samples)) == {"unwatched"}


@pytest.mark.parametrize(("after", "rules"), [(None, set()), (2.8, {"silence"}), (3.2, set())])
def test_silence(after, rules):
    """The acknowledgement at 15.1 is 4.1 s after the fault acts; a second of them may be its way."""
    writes = [
        replace(each, outcome=Outcome.OK, place=Place("db1", 1, 1050)) if each.seq == 3 else each for each in WRITES
    ]
    rows = [*AFTER.rows, row(3)]
    assert found(replace(GOOD, writes=writes), replace(AFTER, rows=rows), budget=Budget(silent_after=after)) == rules


def test_what_was_asked_in_silence_may_be_answered_after_it():
    writes = [*WRITES[:2], write(3, 15, member="db2", timeline=2, took=5), *WRITES[3:]]
    rows = [*AFTER.rows, row(3)]
    found_now = found(replace(GOOD, writes=writes), replace(AFTER, rows=rows), budget=Budget(silent_after=0))
    assert found_now == set()


def test_a_replica_that_answers_nobody_is_a_gap():
    answered = [replace(read(at, 1), endpoint="pooled-ro") for at in (9, 29)]
    assert gaps(replace(GOOD, reads=answered), COURSE)["pooled-ro"] == pytest.approx(20.0)


@pytest.mark.parametrize(
    ("reads", "bound", "rules"),
    [
        ([read(10.05, 1)], 0, set()),  # row 2 is acknowledged at 10.1
        ([read(10.1, 1)], 0, set()),
        ([read(10.2, 1)], 0, {"stale_reads"}),
        ([read(10.2, 0)], 0, {"stale_reads"}),
        ([read(10.2, 1)], 1, set()),
        ([read(11.2, 1)], 1, {"stale_reads"}),
        ([replace(read(12, 0), newest=None)], 0, set()),
    ],
)
def test_stale_reads(reads, bound, rules):
    assert found(replace(GOOD, reads=reads), budget=Budget(stale=bound)) == rules


@pytest.mark.parametrize(("allowed", "rules"), [(11.0, set()), (10.9, {"gap"})])
def test_gap(allowed, rules):
    assert gaps(GOOD, COURSE) == {"rw": pytest.approx(11.0)}
    assert found(budget=Budget(gap={"rw": Limit(0.0, allowed + 0.001)})) == rules


def test_a_test_lets_a_multiple_of_the_promise_pass_but_not_of_the_fault():
    assert gap(10.0, "rw", besides=5.0) == {"rw": Limit(15.0, 5.0 + GENEROUS * 10.0)}


def test_the_worst_client_of_an_endpoint_counts():
    busy = [write(100 + tenth, tenth / 10, worker="b", lsn=0) for tenth in range(80, 300)]
    assert gaps(replace(GOOD, writes=[*WRITES, *busy]), COURSE) == {"rw": pytest.approx(11.0)}


@pytest.mark.parametrize(("allowed", "rules"), [(2, set()), (1, {"errors"})])
def test_errors(allowed, rules):
    assert broken(GOOD) == {"rw": 2}
    assert found(budget=Budget(errors={"rw": allowed})) == rules


def test_a_read_that_failed_counts_as_an_error():
    assert broken(History(reads=[replace(read(1, 1), newest=None)])) == {"rw": 1}


def test_unstable():
    assert found(course=replace(COURSE, stable=None)) == {"unstable"}


@pytest.mark.parametrize(
    ("wanted", "leader", "rules"),
    [
        ("moves", "db1", set()),
        ("stays", "db1", {"leadership"}),
        ("any", "db1", set()),
        ("moves", "db2", {"leadership"}),
    ],
)
def test_leadership(wanted, leader, rules):
    assert found(course=replace(COURSE, led=(leader, 1)), budget=Budget(leadership=wanted)) == rules


def test_leadership_is_judged_by_when_all_was_well():
    """Whatever was handed over afterwards."""
    course = replace(COURSE, leads=("db1", 1))
    assert found(course=course, budget=Budget(leadership="moves")) == {"leadership"}


def test_leadership_that_stays():
    after = replace(AFTER, leader="db1", timeline=1, forks=(), member_forks={})
    history = History(writes=[write(1, 8)], samples=GOOD.samples)
    after = replace(after, rows=[row(1)])
    assert found(history, after, budget=Budget(leadership="stays")) == set()


def test_nothing_acknowledged_shows_nothing():
    assert found(replace(GOOD, writes=[write(4, 16, outcome=Outcome.FAILED)])) == {"idle"}


def test_acknowledgements_are_counted_by_the_half_second():
    told = rates(GOOD, COURSE)
    assert (told["begin"], told["step"]) == (-3.0, 0.5)
    counts = told["counts"]["rw"]
    assert {number / 2 - 3: count for number, count in enumerate(counts) if count} == {
        -2.0: 1,
        0.0: 1,
        11.0: 1,
        19.0: 1,
    }
    assert len(counts) == 47
