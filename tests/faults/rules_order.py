"""Rules for who may acknowledge, and when: one member at a time, on a line of timelines without branches. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model import lsn

from faults.budget import Course
from faults.history import REPLICAS, Aftermath, Fork, History, Place
from faults.rules_rows import acknowledged, name


@dataclass
class Tenure:
    """A member that acknowledges on a timeline: it did so for certain from the first answer to the last question."""

    place: Place
    first_answered: float
    last_sent: float


def tenures(history: History) -> list[Tenure]:
    """In the order of the timelines; a timeline with several members has one for each."""
    found: dict[tuple[int, str], Tenure] = {}
    for write in acknowledged(history):
        if write.place:
            key = (write.place.timeline, write.place.member)
            tenure = found.setdefault(key, Tenure(write.place, write.answered, write.sent))
            tenure.first_answered = min(tenure.first_answered, write.answered)
            tenure.last_sent = max(tenure.last_sent, write.sent)
    return [found[key] for key in sorted(found)]


def two_members(history: History, _after: Aftermath) -> Iterator[str]:
    """Nobody is acknowledged a write that was sent to one member after another, later one acknowledged already."""
    line = tenures(history)
    for number, early in enumerate(line):
        for late in line[number + 1 :]:
            overlap = early.last_sent - late.first_answered
            if early.place.member != late.place.member and overlap > 0:
                yield (
                    f"{early.place.member} (timeline {early.place.timeline}) acknowledged what was sent {overlap:.3f} s"
                    f" after {late.place.member} (timeline {late.place.timeline}) had begun to acknowledge"
                )


def beyond_fork(history: History, after: Aftermath) -> Iterator[str]:
    """Nothing is acknowledged on a timeline beyond the point where the next one begins."""
    ends = {fork.timeline: fork.lsn for fork in after.forks}
    beyond = defaultdict(list)
    for write in acknowledged(history):
        if write.place and write.place.lsn > ends.get(write.place.timeline, write.place.lsn):
            beyond[write.place.timeline].append(write)
    for timeline, writes in sorted(beyond.items()):
        end = lsn.show(ends[timeline])
        yield f"{len(writes)} rows were acknowledged on timeline {timeline} beyond its end at {end}: {name(writes[0])}"


def timelines(history: History, after: Aftermath) -> Iterator[str]:
    """Every timeline of an acknowledgement is one of the leader's past, and all members have the same past."""
    line = [*(fork.timeline for fork in after.forks), after.timeline]
    if line != sorted(set(line)):
        yield f"the timelines of {after.leader} do not count up: {line}"
    ends = [fork.lsn for fork in after.forks]
    if ends != sorted(ends):
        yield f"the timelines of {after.leader} do not end one after the other: {list(map(lsn.show, ends))}"
    used = {write.place.timeline for write in acknowledged(history) if write.place}
    if strange := sorted(used - set(line)):
        yield f"timelines {strange} were acknowledged on, which are no part of the leader's past {line}"
    for member, forks in after.member_forks.items():
        if list(forks) != list(after.forks):
            yield f"{member} knows another past than the leader {after.leader}: {told(forks)}, {told(after.forks)}"


def one_leader_a_timeline(history: History, _after: Aftermath) -> Iterator[str]:
    """A timeline has one leader, and a leader's timelines only grow, as each member tells it."""
    leaders = defaultdict(set)
    newest: dict[str, int] = {}
    for sample in sorted(history.samples, key=lambda sample: sample.moment):
        if sample.leads:
            leaders[sample.timeline].add(sample.member)
            if sample.timeline < newest.get(sample.member, 0):
                yield f"{sample.member} led timeline {newest[sample.member]} and then {sample.timeline}"
            newest[sample.member] = sample.timeline
    for timeline, members in sorted(leaders.items()):
        if len(members) > 1:
            yield f"timeline {timeline} was led by {' and '.join(sorted(members))}"


def unwatched(history: History, after: Aftermath, course: Course) -> Iterator[str]:
    """Every member was watched when the fault came, and when all was well again: who is not watched is never guilty."""
    periods = {
        "before the fault": (course.watched, course.injected),
        "at the end": (course.stable or course.healed, course.ended),
    }
    for when, (begin, end) in periods.items():
        seen = {sample.member for sample in history.samples if begin <= sample.moment <= end}
        if unseen := sorted(set(after.member_forks) - seen):
            yield f"{when} nobody watched {' and '.join(unseen)}"


def stale_reads(history: History, bound: float) -> Iterator[str]:
    """A read through a read-write endpoint sees all that was acknowledged `bound` seconds before it."""
    moments: list[tuple[float, int, str, int]] = [
        (write.answered, 0, write.worker, write.seq) for write in acknowledged(history)
    ]
    asked = [read for read in history.reads if read.newest is not None and read.endpoint not in REPLICAS]
    # What was acknowledged in the very moment comes after the question: nobody could know.
    moments += [(read.sent - bound, -1, "", number) for number, read in enumerate(asked)]
    newest: dict[str, int] = {}
    old: list[str] = []
    for _moment, kind, worker, number in sorted(moments):
        if kind == 0:
            newest[worker] = max(number, newest.get(worker, 0))
            continue
        seen = asked[number].newest or {}
        behind = {worker: seq for worker, seq in newest.items() if seen.get(worker, 0) < seq}
        if behind:
            worker, seq = min(behind.items())
            old.append(f"{asked[number].client} saw row {seen.get(worker, 0)} of {worker}, acknowledged was {seq}")
    if old:
        yield f"{len(old)} reads were older than an acknowledged write: {old[0]}"


def told(forks: Sequence[Fork]) -> str:
    return " ".join(f"{fork.timeline}@{lsn.show(fork.lsn)}" for fork in forks) or "none"
