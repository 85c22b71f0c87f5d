# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One drill from the empty folder to its verdict: fetch, replay, look for the canary, check, measure."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup import command
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.data_folder import write_mark
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.private_instance import Setup
from ansible_collections.matriarch.pgcluster.plugins.module_utils.drill import checks
from ansible_collections.matriarch.pgcluster.plugins.module_utils.drill.canaries import Canaries
from ansible_collections.matriarch.pgcluster.plugins.module_utils.drill.child import Child
from ansible_collections.matriarch.pgcluster.plugins.module_utils.drill.place import Place
from ansible_collections.matriarch.pgcluster.plugins.module_utils.drill.planning import TARGET, Planned
from ansible_collections.matriarch.pgcluster.plugins.module_utils.drill.watch import Watch
from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.engine import RestoreWish
from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.registry import engine
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError, RemoteError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup import shown
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_settings import Settings
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.canary import Canary
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.proof import DRILL, Trial
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.restore_mark import RestoreMark
from ansible_collections.matriarch.pgcluster.plugins.module_utils.restore.recovering import Recovering

LONGEST = 7 * 24 * 3600.0
"""Seconds; the unit's own limit ends a drill much sooner."""

SERVER = "drill"

# Nobody reads it but the checks, and it is thrown away: it takes little memory, waits for no disk that others need, and
# connects to nobody (subscriptions in the restored data would, once it has left recovery).
PARAMETERS = {
    "cluster_name": "matriarch-drill",
    "shared_buffers": "128MB",
    "maintenance_work_mem": "64MB",
    "huge_pages": "off",
    "fsync": "off",
    "max_wal_size": "512MB",
    "wal_recycle": "off",
    "max_logical_replication_workers": "0",
    "max_parallel_workers": "0",
    "jit": "off",
}


class Trying:
    """One drill. Raises GivenUp where it came to no verdict."""

    def __init__(self, settings: Settings, place: Place, planned: Planned, watch: Watch) -> None:
        self._settings, self._place, self._planned, self._watch = settings, place, planned, watch
        self._server = Child(watch)
        self._problems: list[str] = []
        self._facts: dict[str, Any] = {**planned.told()}

    def run(self) -> Trial:
        """Do everything, up to what cannot be done: that is the verdict, then."""
        began = shown(datetime.now(UTC))
        try:
            if self._planned.problem:
                raise MatriarchError(self._planned.problem)
            with self._timed("fetch"):
                self._fetch()
            with self._timed("replay"):
                self._replay()
            self._facts["rto_seconds"] = round(self._facts["fetch_seconds"] + self._facts["replay_seconds"], 1)
            with self._timed("check"):
                self._check()
        except (MatriarchError, OSError) as error:
            self._watch.go_on()  # what was given up failed for that reason alone
            self._problems.append(str(error))
        finally:
            self._server.stop(SERVER)
        problems = tuple(map(_in_one_line, self._problems))
        return Trial(DRILL, began, self._settings.member, (self._planned.label,), problems, self._facts)

    @contextmanager
    def _timed(self, phase: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self._facts[f"{phase}_seconds"] = round(time.monotonic() - began, 1)

    def _fetch(self) -> None:
        wish = RestoreWish(
            str(self._place.data), "latest", label=self._planned.backup.label, repository=self._planned.repository
        )
        command.work(engine(self._settings.engine).restore(self._settings, wish), self._watch.given_up)
        stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        write_mark(self._place.data, RestoreMark(stamp, TARGET.told, "copied"))

    def _replay(self) -> None:
        choice = self._planned.choice
        setup = Setup(
            programs=self._settings.binary_directory,
            data=self._place.data,
            run=self._place.run,
            port=self._settings.postgres_port,
            recovery={**TARGET.settings, "restore_command": choice["restore_command"]},
            parameters=PARAMETERS,
        )
        log, least = str(self._place.log), choice["at_least"]
        work = Recovering(setup, TARGET, "postgres", SERVER, log, least, self._server)
        try:
            work.recover(LONGEST)
        except RemoteError as error:  # its advice is for a restore, and the log goes with the data
            raise MatriarchError(f"the log could not be replayed to its end: {self._why(error)}") from error
        self._facts |= {name: work.mark.evidence[name] for name in ("replayed", "last_commit")}

    def _why(self, error: RemoteError) -> str:
        """What PostgreSQL and whoever fetched for it said from the first error on."""
        try:
            said = self._place.log.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return error.reason
        return command.last_words(said) if command.FAILURE.search(said) else error.reason

    def _check(self) -> None:
        ended = datetime.now(UTC)
        programs, given_up = self._settings.binary_directory, self._watch.given_up
        with Canaries(str(self._place.run), self._settings.postgres_port) as canaries:
            self._find(canaries.read(), ended)
        self._problems += checks.tables_and_indexes(programs, self._place.run, self._settings.postgres_port, given_up)
        self._server.stop(SERVER)
        bad, self._facts["checksums"] = checks.checksums(programs, self._place.data, given_up)
        self._problems += bad

    def _find(self, found: tuple[Canary, ...], ended: datetime) -> None:
        """The whole row is compared: after a restore of the cluster numbers come once more."""
        wanted = self._planned.canary
        if wanted not in found:
            self._problems.append(
                f"the canary {wanted.number}, written at {shown(wanted.written_at)}, is not in the restored data, and "
                "the log in which it was written is in the archive"
            )
        newest = max(found, default=None)
        self._facts["canary"] = newest.number if newest else None
        self._facts["rpo_seconds"] = round((ended - newest.written_at).total_seconds(), 1) if newest else None


def _in_one_line(problem: str) -> str:
    """Programs indent what they say; a status and a journal have one line for it."""
    return " / ".join(" ".join(line.split()) for line in problem.splitlines() if line.strip())
