# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operation may ask of a host that has a member. Duties that are waits poll here, where asking costs little."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.agent.server import Duty
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.member_sql import MemberSql
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.owned_file import replace_file
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.primary_conninfo import point_at
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import DeadlineExceeded, RemoteError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.wait import wait_until

POLL = 0.005  # seconds
WAKE = 0.02  # seconds from one awakening of PostgreSQL's startup process to the next


@dataclass(frozen=True)
class MemberDuties:
    """The duties on one member; *handover_mark* is the file that Patroni's before_stop script looks for."""

    sql: MemberSql
    handover_mark: Path

    def all(self) -> dict[str, Duty]:
        """By the names under which an operation asks for them."""
        waits = (self.await_flushed, self.await_cut_off, self.await_writable, self.await_synchronous_standby)
        duties = (self.look, self.checkpoint, self.flushed, self.follow, self.mark, self.unmark)
        restart = (self.started, self.await_restarted)
        return {duty.__name__: duty for duty in (*duties, *waits, *restart)}

    def look(self, *, transactions_older_than: float) -> dict[str, Any]:
        """Everything here that could make a handover long or lossy."""
        return {
            "in_recovery": self.sql.is_in_recovery(),
            "flushed": self.sql.flushed(),
            "transactions": self.sql.transactions(transactions_older_than),
            "prepared_transactions": self.sql.prepared_transactions(),
            "base_backups": self.sql.base_backups(),
            "logical_walsenders": self.sql.logical_walsenders(),
            "unarchived_segments": self.sql.unarchived_segments(),
        }

    def checkpoint(self) -> None:
        """Leave nothing to write for the stop."""
        self.sql.checkpoint()

    def flushed(self) -> int:
        """The position up to which WAL is safe on disk, in bytes."""
        return self.sql.flushed()

    def await_flushed(self, *, position: int, patience: float) -> int:
        """Wait until WAL up to *position* is safe on disk here; return the position reached."""
        return int(self._await(self.sql.flushed, lambda seen: seen >= position, patience, f"{position} is flushed"))

    def await_cut_off(self, *, patience: float) -> None:
        """Wait until nothing is received from the leader any more: it has stopped."""
        self._await(self.sql.is_receiving, lambda receiving: not receiving, patience, "the leader has stopped")

    def await_writable(self, *, patience: float) -> None:
        """Wait until this member has been promoted, and keep it awake for that."""
        self._await(self._wake, lambda in_recovery: not in_recovery, patience, "PostgreSQL is writable")

    def started(self) -> str:
        """Since when PostgreSQL runs."""
        return self.sql.started()

    def await_restarted(self, *, since: str, patience: float) -> None:
        """Wait until a PostgreSQL takes writes that is not the one which runs *since* then."""
        self._await(lambda: self._is_another(since), bool, patience, "PostgreSQL is up again")

    def _is_another(self, since: str) -> bool:
        try:
            return self.sql.started() != since and not self.sql.is_in_recovery()
        except RemoteError:  # as long as it stops and starts
            return False

    def await_synchronous_standby(self, *, patience: float) -> None:
        """Wait until a commit can be acknowledged by a standby."""
        self._await(self.sql.synchronous_standbys, lambda count: count > 0, patience, "a synchronous standby streams")

    def follow(self, *, host: str, port: int) -> bool:
        """Have this standby stream from *host* now, rather than when Patroni gets to it; False if it already does.

        Patroni writes the same line a moment later, and finds nothing to change.
        """
        configuration = Path(self.sql.configuration_file())
        if not point_at(configuration, host, port):
            return False
        self.sql.reload()
        return True

    def mark(self, *, lasting: float) -> None:
        """Tell Patroni's before_stop script that a stop within so many seconds is a planned one."""
        expires = time.clock_gettime(time.CLOCK_BOOTTIME) + lasting
        owner = self.handover_mark.parent.stat()  # the script, which Patroni runs, removes it
        replace_file(self.handover_mark, f"{expires:.0f}\n", owner=owner, mode=0o644)

    def unmark(self) -> None:
        """Take that back."""
        with suppress(FileNotFoundError):
            self.handover_mark.unlink()

    def _wake(self) -> bool:
        """Whether this member is in recovery; if so its startup process is woken.

        One that has heard of its promotion may sleep once more for wal_retrieve_retry_interval before it acts on it. A
        reload of its configuration wakes it; it looks for WAL then, and asks a leader that is gone.
        """
        in_recovery = self.sql.is_in_recovery()
        if in_recovery and (startup := self.sql.sleeping_startup()):
            with suppress(ProcessLookupError):
                os.kill(startup, signal.SIGHUP)
            time.sleep(WAKE)
        return in_recovery

    def _await(self, probe: Callable[[], Any], reached: Callable[[Any], bool], seconds: float, what: str) -> Any:
        outcome = wait_until(probe, reached, seconds=seconds, interval=POLL)
        if not outcome.reached:
            raise DeadlineExceeded(f"waited {seconds:g} s in vain until {what}; seen last: {outcome.last}")
        return outcome.last
