# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operation may ask of a proxy: hold clients, let them go, and tell HAProxy what the operation knows first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.agent.server import Duty
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients import dead_man
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.haproxy import HaproxySocket
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.pgbouncer import PoolerConsole
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import DeadlineExceeded, MatriarchError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.pooler import resume_command, resume_unit
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.proxy import (
    admit_command,
    admit_unit,
    undrain_command,
    undrain_unit,
)

READERS = "replicas"  # HAProxy's backends, as the haproxy role names them
WRITERS = "leader"
SESSIONS = "rw"  # HAProxy's frontend for sessions with the leader

LONGEST_DRAIN = 900.0  # seconds; checkpoints come in between


@dataclass
class ProxyDuties:
    """The duties on one proxy. *consoles* are the poolers' admin sockets by pool: (directory, port).

    It remembers what it has held and drained, so that it can put that back when the operation dies.
    """

    consoles: Mapping[str, tuple[str, int]]
    haproxy: HaproxySocket
    held: set[str] = field(default_factory=set)
    session_limit: int = 0
    sessions_wait: bool = False
    drained: set[str] = field(default_factory=set)

    def all(self) -> dict[str, Duty]:
        """By the names under which an operation asks for them."""
        holding = (self.pools, self.arm, self.hold, self.release, self.disarm)
        routing = (self.drain, self.undrain, self.route, self.reopen)
        return {duty.__name__: duty for duty in (*holding, *routing)}

    def pools(self) -> dict[str, dict[str, Any]]:
        """Whether each pool is paused, and how many of its clients wait for a server."""
        return {pool: self._pool(pool) for pool in self.consoles}

    def arm(self, *, pools: Sequence[str], after: float) -> None:
        """Have systemd release the clients after so many seconds, whatever becomes of the operation and the agent.

        Raises MatriarchError where somebody else has new sessions wait, or HAProxy is told to take none.
        """
        self.session_limit = self.haproxy.session_limit(SESSIONS)
        if not self.session_limit:
            raise MatriarchError(f"HAProxy lets no sessions in to its {SESSIONS}. Next: systemctl reload haproxy")
        dead_man.arm(admit_unit(SESSIONS), after, admit_command(SESSIONS, self.session_limit))
        for pool in pools:
            dead_man.arm(resume_unit(pool), after, resume_command(pool))

    def disarm(self, *, pools: Sequence[str]) -> None:
        """Nobody else need release the clients; but what could not be released keeps its timer."""
        for pool in set(pools) - self.held:
            dead_man.disarm(resume_unit(pool))
        if not self.sessions_wait:
            dead_man.disarm(admit_unit(SESSIONS))

    def hold(self, *, pools: Sequence[str], patience: float) -> None:
        """PAUSE these pools at once, and have new sessions wait; where one does not rest in time, none stays held.

        A PostgreSQL that shuts down makes a process and a TLS handshake for everybody who comes back, only to say so;
        before version 18 it even waits for those who are slow at it.
        """
        if not self.session_limit:
            raise MatriarchError("nobody is held before it is armed that they are released")
        self.held |= set(pools)
        try:
            self._limit_sessions(0)
            self._each(pools, lambda pool: self._hold(pool, patience))
        except MatriarchError:
            self.release(pools=pools)
            raise

    def release(self, *, pools: Sequence[str]) -> None:
        """Let sessions in and RESUME these pools; one that is not paused is as it shall be."""
        try:
            if self.sessions_wait:
                self._limit_sessions(self.session_limit)
        finally:
            self._each(pools, self._release)

    def drain(self, *, member: str) -> bool:
        """Send no new readers to *member*, and let the pooled ones go elsewhere after their transactions.

        False, with nothing done, where no other replica could take them.
        """
        others = [s for s in self.haproxy.servers() if s.backend == READERS and s.is_up and s.name != member]
        if not others:
            return False
        self.drained.add(member)
        dead_man.arm(undrain_unit(member), LONGEST_DRAIN, undrain_command(READERS, member))
        self.haproxy.set_state(READERS, member, "drain")
        if "ro" in self.consoles:
            with self._console("ro") as console:
                console.reconnect()
        return True

    def undrain(self, *, member: str) -> None:
        """Let the checks alone decide about *member* again."""
        self.haproxy.set_state(READERS, member, "ready")
        dead_man.disarm(undrain_unit(member))
        self.drained.discard(member)

    def route(self, *, new: str, old: str) -> None:
        """Tell HAProxy what its checks will find within a second: that *new* leads and *old* does not."""
        self.haproxy.set_health(WRITERS, old, False)
        self.haproxy.set_health(WRITERS, new, True)
        self.haproxy.set_health(READERS, new, False)

    def reopen(self, *, member: str) -> None:
        """Tell HAProxy the same of *member*, which led before: that it takes writes again."""
        self.haproxy.set_health(WRITERS, member, True)

    def put_back(self) -> None:
        """Undo what an operation that died has left."""
        with suppress(MatriarchError):
            self.release(pools=sorted(self.held))
        for member in sorted(self.drained):
            with suppress(MatriarchError):
                self.undrain(member=member)

    def _limit_sessions(self, limit: int) -> None:
        self.sessions_wait = True  # even if the answer is lost
        self.haproxy.set_session_limit(SESSIONS, limit)
        self.sessions_wait = limit == 0

    def _pool(self, pool: str) -> dict[str, Any]:
        with self._console(pool) as console:
            waiting = sum(found.cl_waiting for found in console.pools())
            return {"paused": console.is_paused(), "waiting": waiting}

    def _hold(self, pool: str, seconds: float) -> None:
        with self._console(pool) as console:
            try:
                console.pause(seconds)
            except DeadlineExceeded as error:
                raise DeadlineExceeded(
                    f"the pool {pool} did not come to rest within {seconds:g} s: {self._who_holds_on(pool)}"
                ) from error

    def _who_holds_on(self, pool: str) -> str:
        with self._console(pool) as console:
            found = console.servers_in_use()
        return "; ".join(str(client) for client in found) or "nobody holds a server any more"

    def _release(self, pool: str) -> None:
        with self._console(pool) as console:
            if console.is_paused():
                console.resume()
        self.held.discard(pool)

    def _console(self, pool: str) -> PoolerConsole:
        if pool not in self.consoles:
            raise MatriarchError(f"this host has no pool {pool!r}; it has: {', '.join(self.consoles) or 'none'}")
        directory, port = self.consoles[pool]
        return PoolerConsole(directory, port)

    def _each(self, pools: Sequence[str], order: Any) -> None:
        with ThreadPoolExecutor(max(1, len(pools))) as workers:
            for done in [workers.submit(order, pool) for pool in pools]:
                done.result()
