# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A private PostgreSQL that replays up to a target, stage by stage; another run goes on where one was interrupted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients import transient_unit
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.data_folder import (
    control_data,
    forget_recovery,
    make_owned,
    put_signal,
    read_mark,
    write_mark,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.private_instance import (
    HBA,
    PrivateInstance,
    Setup,
    Standing,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import (
    DeadlineExceeded,
    MatriarchError,
    RemoteError,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model import lsn
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.control_data import ControlData, insufficient
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.recovery import (
    Arrival,
    RecoveryTarget,
    reached,
    read_arrival,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.restore_mark import RestoreMark
from ansible_collections.matriarch.pgcluster.plugins.module_utils.wait import wait_until

PROMOTION = 300.0
"""Seconds for a promotion; its checkpoint is asked for afterwards and may take as long as the disk needs."""

LOOKS = 0.2
"""Seconds between two looks at the server that replays."""

MOST_RAISES = 5
"""So often parameters are raised that a standby needs; each restart goes on from the last restart point."""


class Servers(Protocol):
    """Who runs the server; the functions of clients/transient_unit.py do, and so what they say holds."""

    def start(self, work: transient_unit.Work) -> None: ...
    def state(self, unit: str) -> transient_unit.State: ...
    def stop(self, unit: str) -> None: ...


class Units:
    """Servers that are transient units, and so outlive whoever began them."""

    def start(self, work: transient_unit.Work) -> None:
        transient_unit.start(work)

    def state(self, unit: str) -> transient_unit.State:
        return transient_unit.state(unit)

    def stop(self, unit: str) -> None:
        transient_unit.stop(unit)


@dataclass(frozen=True)
class Seen:
    """One look: whether the server runs, what its log says, and how it stands where it already answers."""

    runs: bool
    arrival: Arrival
    standing: Standing | None = None


class Recovering:
    """One recovery. Its mark, in the data itself, says how far it is."""

    def __init__(
        self,
        setup: Setup,
        target: RecoveryTarget,
        owner: str,
        unit: str,
        log: str,
        at_least: str = "",
        servers: Servers | None = None,
    ) -> None:
        self._setup, self._target, self._owner = setup, target, owner
        self._servers = servers or Units()
        self._unit, self._log, self._at_least = unit, log, at_least

    @property
    def mark(self) -> RestoreMark:
        """The mark. Raises MatriarchError where it is gone."""
        mark = read_mark(self._setup.data)
        if mark is None:
            raise MatriarchError(f"{self._setup.data} has lost the mark of its restore")
        return mark

    def keep(self, mark: RestoreMark) -> None:
        """Write the mark."""
        write_mark(self._setup.data, mark)

    @staticmethod
    def end(unit: str) -> bool:
        """Stop the server in order; whether it ran."""
        ran = transient_unit.state(unit).runs
        transient_unit.stop(unit)
        return ran

    def recover(self, seconds: float) -> None:
        """Replay up to the target. Raises RemoteError with PostgreSQL's words where it cannot be reached."""
        if self.mark.stage != "copied":
            return
        forget_recovery(self._setup.data)  # one target counts, the one on the command line
        put_signal(self._setup.data)
        seen = self._arrive(seconds)
        self.keep(self.mark.at("recovered", self._evidence(seen)))

    def promote(self, seconds: float, above: int) -> None:
        """Begin a new timeline and stop in order. Raises MatriarchError where its number is one that is in use."""
        self.recover(seconds)
        if self.mark.stage == "promoted":
            return
        if not self._was_left_promoted():
            self._arrive(seconds)
            self._begin_timeline()
        timeline = self._control.timeline
        if timeline <= above:
            raise MatriarchError(
                f"the restored data is on timeline {timeline}, but the cluster has used those up to {above}: the "
                "archive does not know the newest ones. Next: playbooks/status.yml shows whether archiving is behind"
            )
        self.keep(self.mark.at("promoted", {**self.mark.evidence, "timeline": timeline}))

    @property
    def _control(self) -> ControlData:
        control = control_data(self._setup.programs, self._setup.data)
        if control is None:
            raise MatriarchError(f"{self._setup.data} holds no data")
        return control

    def _was_left_promoted(self) -> bool:
        """True where an interrupted run had stopped it already: a primary has no signal, and is shut down."""
        signal = self._setup.data / "recovery.signal"
        return not self._servers.state(self._unit).runs and self._control.is_cleanly_stopped and not signal.exists()

    def _begin_timeline(self) -> None:
        with PrivateInstance(self._setup.run, self._setup.port) as instance:
            if instance.standing().in_recovery and not instance.promote(PROMOTION):
                raise DeadlineExceeded(f"the private PostgreSQL was not promoted within {PROMOTION:.0f} s")
            instance.checkpoint()  # until then its control file names the timeline of the backup
        self._servers.stop(self._unit)
        if not self._control.is_cleanly_stopped:
            raise RemoteError(f"the private PostgreSQL did not stop in order: {self._control.state}; see {self._log}")

    def _arrive(self, seconds: float) -> Seen:
        """Have it run, and wait until it is at the target. Parameters that prove too low are raised."""
        for _raise in range(MOST_RAISES):
            if not self._servers.state(self._unit).runs:
                self._start()
            outcome = wait_until(self._look, self._is_decided, seconds=seconds, interval=LOOKS)
            seen = outcome.last
            lacking = insufficient(seen.arrival.insufficient)
            if lacking and not self._is_there(seen):
                self._raise(*lacking)
                continue
            if self._is_there(seen):
                self._see_that_all_was_replayed(seen)
                return seen
            if not seen.runs:
                raise self._in_vain(seen.arrival)
            raise DeadlineExceeded(
                f"{self._target.told} was not reached within {outcome.seconds:.0f} s; the replay goes on, at "
                f"{seen.standing.replayed if seen.standing else 'an unknown position'}. Next: run this again"
            )
        raise RemoteError(f"PostgreSQL asked for other parameters {MOST_RAISES} times; see {self._log}")

    def _start(self) -> None:
        run = self._setup.run
        make_owned(run, self._owner)
        for name, text in (("postgresql.conf", ""), ("pg_ident.conf", ""), ("pg_hba.conf", HBA)):
            (run / name).write_text(text, encoding="utf-8")
        self._servers.start(
            transient_unit.Work(
                unit=self._unit,
                command=self._setup.command(self._control),
                user=self._owner,
                log=self._log,
                properties={"KillSignal": "SIGINT", "KillMode": "mixed"},  # a fast shutdown
            )
        )

    def _raise(self, name: str, value: int) -> None:
        self._servers.stop(self._unit)
        floors: Mapping[str, int] = {**self._setup.floors, name: value}
        self._setup = replace(self._setup, floors=floors)

    def _look(self) -> Seen:
        runs = self._servers.state(self._unit).runs
        arrival = read_arrival(Path(self._log).read_text(encoding="utf-8", errors="replace"))
        try:
            with PrivateInstance(self._setup.run, self._setup.port) as instance:
                return Seen(runs, arrival, instance.standing())
        except RemoteError:
            return Seen(runs, arrival)  # not consistent yet, or at its end

    def _is_decided(self, seen: Seen) -> bool:
        return not seen.runs or bool(seen.arrival.insufficient) or self._is_there(seen)

    def _is_there(self, seen: Seen) -> bool:
        """A pause alone is none: PostgreSQL also pauses where parameters are too low."""
        if seen.standing is None:
            return False
        if not seen.standing.in_recovery:  # the end of the log, or a run before this one had promoted it
            return self._target.kind == "latest" or self.mark.stage == "recovered"
        return seen.standing.paused and reached(seen.arrival, self._target)

    def _see_that_all_was_replayed(self, seen: Seen) -> None:
        """A repository that fails in the middle looks like the end of its log."""
        if self._target.kind != "latest" or not self._at_least or self.mark.stage != "copied":
            return
        replayed = seen.standing.replayed if seen.standing else ""
        if not replayed or lsn.parse(replayed) < lsn.parse(self._at_least):
            self._servers.stop(self._unit)
            raise RemoteError(
                f"the replay ended at {replayed or 'no position'}, but the repository has log beyond {self._at_least}: "
                f"it did not give all of it. The cluster was not touched; see {self._log}"
            )

    def _evidence(self, seen: Seen) -> dict[str, object]:
        standing = seen.standing
        words = seen.arrival.stopped or "the end of the archived log"
        return {
            "target": self._target.told,
            "words": words,
            "replayed": standing.replayed if standing else "",
            "last_commit": standing.last_commit if standing else "",
        }

    def _in_vain(self, arrival: Arrival) -> RemoteError:
        told = arrival.fatal or "it ended without a word"
        if arrival.short:
            told = "the archived log ends before it, or holds no commit after it"
        return RemoteError(
            f"{self._target.told} was not reached: {told}. The cluster was not touched. Next: a target before the end "
            f"of the log, or latest; what PostgreSQL said is in {self._log}",
            reason=told,
            log=self._log,
        )
