# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a recovery shall end, as a user says it and as PostgreSQL takes it. Immutable; parsed once, here."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import Refused
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model import lsn

FORMS = "time:2026-12-01T03:00:00+01:00, xid:745, lsn:0/5000060, name:before-upgrade, immediate or latest"
LONGEST_NAME = 63  # MAXFNAMELEN - 1 of PostgreSQL, for names of restore points
NUMBER = re.compile(r"[0-9]{1,20}", re.ASCII)
XIDS = 2**64


@dataclass(frozen=True)
class RecoveryTarget:
    """One end of a recovery. `kind` is time, xid, lsn, name, immediate or latest, and one value goes with it.

    `inclusive`: the transaction or record at the very target is replayed, too. `timeline` is a number, or latest:
    the newest that the archive knows.
    """

    kind: str
    text: str = ""
    time: datetime | None = None
    position: int | None = None
    inclusive: bool = True
    timeline: str = "latest"

    @property
    def told(self) -> str:
        """The target as the user may say it again, on one clock for everybody."""
        return f"{self.kind}:{self.text}" if self.text else self.kind

    @property
    def settings(self) -> dict[str, str]:
        """The parameters of PostgreSQL that stop a recovery here."""
        settings = {"recovery_target_timeline": self.timeline, "recovery_target_action": "pause"}
        if self.kind == "immediate":
            settings["recovery_target"] = "immediate"
        elif self.kind != "latest":
            settings[f"recovery_target_{self.kind}"] = self.text
            settings["recovery_target_inclusive"] = "on" if self.inclusive else "off"
        return settings


def parse_target(told: str, *, inclusive: bool = True, timeline: str = "latest", zone: str = "") -> RecoveryTarget:
    """The target that a user wrote. Raises Refused with what can be written.

    *zone* is the time zone of a time that is written without one; there is no default for it.
    """
    kind, separator, text = told.strip().partition(":")
    if kind in ("immediate", "latest") and not separator:
        return RecoveryTarget(kind, timeline=_timeline(timeline))
    if kind not in PARSERS or not text.strip():
        raise Refused(f"{told!r} is no target. Next: write one of {FORMS}")
    return PARSERS[kind](text.strip(), inclusive, _timeline(timeline), zone)


def _timeline(text: str) -> str:
    if text not in ("latest", "current") and not (NUMBER.fullmatch(text) and 0 < int(text) < 2**32):
        raise Refused(f"the timeline {text!r} is neither a number nor latest")
    return text


def _time(text: str, inclusive: bool, timeline: str, zone: str) -> RecoveryTarget:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Refused(f"{text!r} is no time. Next: write it like 2026-12-01T03:00:00+01:00") from error
    if moment.tzinfo is None:
        moment = _in_zone(moment, zone)
    moment = moment.astimezone(UTC)
    return RecoveryTarget("time", moment.isoformat(), moment, None, inclusive, timeline)


def _in_zone(moment: datetime, zone: str) -> datetime:
    """Raises Refused for an hour that a clock shows twice, or never: nobody knows which one was meant."""
    if not zone:
        raise Refused(
            f"the time {moment.isoformat()} has no zone, and hours of difference would be rows lost or kept. "
            f"Next: write {moment.isoformat()}+01:00 or {moment.isoformat()}Z, or say -e zone=Europe/Berlin"
        )
    try:
        place = zoneinfo.ZoneInfo(zone)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError) as error:
        raise Refused(
            f"the zone {zone!r} is not known here. Next: write the time with its offset, as +01:00"
        ) from error
    first, second = (moment.replace(tzinfo=place, fold=fold) for fold in (0, 1))
    if first.utcoffset() != second.utcoffset():
        raise Refused(
            f"clocks of {zone} show {moment.isoformat()} twice or never, as summer time begins or ends. "
            "Next: write the time with its offset, as +01:00"
        )
    return first


def _xid(text: str, inclusive: bool, timeline: str, _zone: str) -> RecoveryTarget:
    if not NUMBER.fullmatch(text) or not 2 < int(text) < XIDS:
        raise Refused(f"{text!r} is no number of a transaction, which begin with 3")
    return RecoveryTarget("xid", str(int(text)), None, None, inclusive, timeline)


def _lsn(text: str, inclusive: bool, timeline: str, _zone: str) -> RecoveryTarget:
    try:
        position = lsn.parse(text)
    except ValueError as error:
        raise Refused(str(error)) from error
    return RecoveryTarget("lsn", lsn.show(position), None, position, inclusive, timeline)


def _name(text: str, inclusive: bool, timeline: str, _zone: str) -> RecoveryTarget:
    if len(text.encode()) > LONGEST_NAME or not text.isprintable():
        raise Refused(f"{text!r} is no name of a restore point: up to {LONGEST_NAME} printable bytes")
    return RecoveryTarget("name", text, None, None, inclusive, timeline)


PARSERS: Mapping[str, Callable[[str, bool, str, str], RecoveryTarget]] = {
    "time": _time,
    "xid": _xid,
    "lsn": _lsn,
    "name": _name,
}


@dataclass(frozen=True)
class Arrival:
    """Where a recovery stands, by its server's own log: `stopped` is how PostgreSQL tells that it reached the target.

    `short`: the log ended before the target. `fatal`: PostgreSQL's last word before it gave up.
    """

    stopped: str = ""
    consistent: bool = False
    short: bool = False
    insufficient: str = ""
    fatal: str = ""


STOPPED = re.compile(r"LOG:  (recovery stopping (?:before|after|at) .*)")
FATAL = re.compile(r"(?:FATAL|PANIC):  (.*)")
SHORT = "recovery ended before configured recovery target was reached"
# The server is only starting; a client of ours knocked too early.
HARMLESS = ("the database system is ",)


def read_arrival(log: str) -> Arrival:
    """What the log of a recovering PostgreSQL says, in the C locale (xlogrecovery.c, PostgreSQL 15 to 18)."""
    stopped = STOPPED.findall(log)
    fatal = [words for words in FATAL.findall(log) if not words.startswith(HARMLESS)]
    insufficient = re.search(
        r"WARNING:  hot standby is not possible because of insufficient parameter settings\n.*?DETAIL:  (.*)", log
    )
    return Arrival(
        stopped=stopped[-1] if stopped else "",
        consistent="consistent recovery state reached" in log,
        short=SHORT in log,
        insufficient=insufficient[1] if insufficient else "",
        fatal=fatal[-1] if fatal else "",
    )


ENDED = tuple(
    f"recovery stopping {when} {what} of transaction" for when in ("before", "after") for what in ("commit", "abort")
)
WORDS = {
    "time": ENDED,
    "xid": tuple(f"{words} {{text}}," for words in ENDED),
    "lsn": tuple(f"recovery stopping {when} WAL location (LSN) " for when in ("before", "after")),
    "name": ('recovery stopping at restore point "{text}",',),
    "immediate": ("recovery stopping after reaching consistency",),
}


def reached(arrival: Arrival, target: RecoveryTarget) -> bool:
    """Whether the log says that this very target stopped the recovery, not only that something did."""
    # A transaction's number is told without its epoch.
    text = str(int(target.text) % 2**32) if target.kind == "xid" else target.text
    return any(arrival.stopped.startswith(word.format(text=text)) for word in WORDS.get(target.kind, ()))
