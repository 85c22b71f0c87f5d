# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How available a cluster was, month by month. Immutable; times are in seconds since 1970, months in UTC."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.operation import JOURNAL_KEEPS

AROUND = 120.0
"""An outage belongs to a change of the leader that is no further from it, in seconds; it may have lasted for longer."""

LONGEST_UNFINISHED = 3600.0
"""Seconds for which an operation that nobody saw finish explains a change of the leader. The journal closes a run that
was killed when the next one succeeds, which may be weeks later."""


@dataclass(frozen=True)
class Run:
    """A time in which clients could write, or could not."""

    begin: float
    end: float
    up: bool

    def within(self, begin: float, end: float) -> Run:
        """The part of it that lies there."""
        return Run(max(self.begin, begin), min(self.end, end), self.up)

    def away(self, moment: float) -> float:
        """How many seconds it is from that moment; 0 when it holds it."""
        return max(self.begin - moment, moment - self.end, 0.0)

    @property
    def seconds(self) -> float:
        """Its length, 0 for one that is empty."""
        return max(0.0, self.end - self.begin)


@dataclass(frozen=True)
class Change:
    """Another leader. `gap_seconds` is None where nobody watched; 0 stands for less than one step."""

    at: str
    timeline: int
    leader: str
    cause: str
    gap_seconds: float | None


@dataclass(frozen=True)
class Month:
    """`allowed_seconds` of outage keep the promise for the whole month; percent is of the time that was watched."""

    name: str
    begin: float
    end: float
    up_seconds: float
    down_seconds: float
    unknown_seconds: float
    longest_outage_seconds: float
    allowed_seconds: float
    runs: tuple[Run, ...]
    changes: tuple[Change, ...]

    @property
    def percent(self) -> float | None:
        """None where nobody watched."""
        watched = self.up_seconds + self.down_seconds
        return 100 * self.up_seconds / watched if watched else None

    @property
    def kept(self) -> bool:
        """Whether what is left of the month can still keep the promise, or has kept it."""
        return self.down_seconds <= self.allowed_seconds

    def facts(self) -> dict[str, Any]:
        """As modules return it; its outages instead of all runs."""
        told = {**asdict(self), "percent": self.percent, "kept": self.kept}
        told["outages"] = [{"at": shown(run.begin), "seconds": run.seconds} for run in self.runs if not run.up]
        del told["runs"]
        return {**told, "begin": shown(self.begin), "end": shown(self.end)}


def shown(moment: float) -> str:
    """A moment for people."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parsed(moment: str) -> float:
    """What ISO 8601 says, which is UTC unless it says otherwise."""
    told = datetime.fromisoformat(moment)
    return (told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp()


def runs(samples: Iterable[tuple[float, float]], step: float) -> list[Run]:
    """Samples as runs; each stands for one step. Where there is none, nobody watched."""
    found: list[Run] = []
    for moment, value in samples:
        up = value >= 1
        last = found[-1] if found else None
        if last and last.up is up and moment <= last.end + step / 2:
            found[-1] = Run(last.begin, moment + step, up)
        else:
            begin = last.end if last and moment <= last.end + step / 2 else moment
            found.append(Run(begin, moment + step, up))
    return found


def months(
    found: Sequence[Run],
    history: Sequence[Mapping[str, Any]],
    operations: Sequence[Mapping[str, Any]],
    promised_percent: float,
    now: float,
) -> list[Month]:
    """The months since somebody began to watch, the oldest first."""
    if not found:
        return []
    ends = [end for end in history if end.get("timestamp")]
    moments = [parsed(str(end["timestamp"])) for end in ends]
    changes = [_change(end, _gap(at, moments, found), operations) for end, at in zip(ends, moments, strict=True)]
    return [_month(begin, found, changes, promised_percent, now) for begin in _begins(found[0].begin, now)]


def month_of(moment: float) -> float:
    """When the month began in which the moment is."""
    return datetime.fromtimestamp(moment, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0).timestamp()


def _begins(first: float, now: float) -> list[float]:
    begins = [datetime.fromtimestamp(month_of(first), UTC)]
    while (following := _following(begins[-1])).timestamp() <= now:
        begins.append(following)
    return [begin.timestamp() for begin in begins]


def _following(begin: datetime) -> datetime:
    return begin.replace(year=begin.year + begin.month // 12, month=begin.month % 12 + 1)


def _month(begin: float, found: Sequence[Run], changes: Sequence[Change], promised: float, now: float) -> Month:
    whole_end = _following(datetime.fromtimestamp(begin, UTC)).timestamp()
    first, last = max(begin, found[0].begin), min(whole_end, now)
    inside = tuple(part for run in found if (part := run.within(first, last)).seconds > 0)
    up = sum(run.seconds for run in inside if run.up)
    outages = [run.seconds for run in inside if not run.up]
    return Month(
        name=datetime.fromtimestamp(begin, UTC).strftime("%Y-%m"),
        begin=first,
        end=last,
        up_seconds=up,
        down_seconds=sum(outages),
        unknown_seconds=max(0.0, last - first - up - sum(outages)),
        longest_outage_seconds=max(outages, default=0.0),
        allowed_seconds=(whole_end - begin) * (100 - promised) / 100,
        runs=inside,
        changes=tuple(change for change in changes if begin <= parsed(change.at) < whole_end),
    )


def _gap(at: float, changes: Sequence[float], found: Sequence[Run]) -> float | None:
    """Of the outages that belong to this change, their whole length; each belongs to the nearest, which ended it."""
    own = [
        run.seconds
        for run in found
        if not run.up and run.away(at) <= AROUND and at == min(changes, key=lambda change: (run.away(change), -change))
    ]
    watched = any(run.away(at) == 0 for run in found)
    return sum(own) if own or watched else None


def _change(end: Mapping[str, Any], gap: float | None, operations: Sequence[Mapping[str, Any]]) -> Change:
    at = parsed(str(end["timestamp"]))
    return Change(
        at=shown(at),
        timeline=int(end["timeline"]) + 1,
        leader=str(end.get("new_leader") or "unknown"),
        cause=_cause(at, operations),
        gap_seconds=gap,
    )


def _cause(at: float, operations: Sequence[Mapping[str, Any]]) -> str:
    """What somebody did at that time, by the journal of operations, which forgets the oldest of many."""
    for each in operations:
        # A leader is noted a moment after it leads, and an operation goes on until all is seen to be well.
        if parsed(each["begun_at"]) <= at <= _finished(each):
            return f"planned: {each['operation']} by {each['holder']['who']}"
    forgotten = len(operations) >= JOURNAL_KEEPS and at < min(parsed(each["begun_at"]) for each in operations)
    return "unknown: the journal of operations begins later" if forgotten else "unplanned"


def _finished(operation: Mapping[str, Any]) -> float:
    if operation["outcome"] in ("", "interrupted"):
        return parsed(operation["begun_at"]) + LONGEST_UNFINISHED
    return parsed(operation["finished_at"])
