# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restart the leader where it is, while the poolers hold their clients.

The order:
1. Before the clock starts: a checkpoint, so that the stop has little to write; all connections are open, that to
   Patroni since just now; every pooler's dead man's timer is armed.
2. Hold: PAUSE on every pooler at once. One that does not come to rest in time ends the attempt; nothing has happened.
3. Patroni restarts its PostgreSQL. Its answer comes a second or more after the fact, so PostgreSQL itself is watched.
4. HAProxy is told what its checks would find a moment later, and a standby is waited for that commits can wait for.
5. Release: RESUME, whatever happened, and no later than the hold's deadline.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.agent.wire import Identity
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.held_request import HeldRequest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.json_http import Accepted
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.member_sql import LONGEST_CHECKPOINT
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import (
    DeadlineExceeded,
    MatriarchError,
    Refused,
    RemoteError,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import ClusterState, Member
from ansible_collections.matriarch.pgcluster.plugins.module_utils.operations.crew import Crew
from ansible_collections.matriarch.pgcluster.plugins.module_utils.operations.holding import Holding, Patience
from ansible_collections.matriarch.pgcluster.plugins.module_utils.operations.phases import Phases

WATCH = 0.2  # seconds between looks at Patroni's answer while PostgreSQL is watched
FOLLOW_SECONDS = 2.0  # how long clients are held for the first standby that streams


@dataclass(frozen=True)
class Restarted:
    """What Patroni answers, milliseconds by phase, and what went wrong without doing harm."""

    answer: Future[Accepted]
    phases: Mapping[str, float]
    warnings: list[str]


def restart_leader(cluster: ClusterState, leader: Member, body: object, params: Mapping[str, Any]) -> Restarted:
    """Do it with the module's options. Raises Refused where Patroni was not asked, and nothing has changed."""
    if not params["ca_file"] or not params["client_cert"]:
        raise Refused("agents and Patroni obey certificates alone: give 'ca_file' and 'client_cert'")
    identity = Identity(params["ca_file"], params["client_cert"], params["client_key"] or params["client_cert"])
    with Crew(params["agents"], params["agent_port"], identity) as crew:
        refuse_silence(crew, [leader.name, *params["proxies"]])
        phases = Phases()
        patience = Patience(params["drain_timeout"], params["hold_timeout"])
        holding = Holding(crew, params["proxies"], pools_of(cluster), patience, phases)
        is_synchronous = any(member.is_synchronous for member in cluster.members)
        url = (leader.api_url or "").removesuffix("/patroni")
        try:
            request = HeldRequest(url, "/restart", body, identity, params["wait_timeout"])
            restart = LeaderRestart(leader.name, crew, holding, request, phases, synchronous=is_synchronous)
            answer = restart.run()
        except RemoteError as error:
            raise Refused(f"Nothing was changed. {error}. Next: playbooks/status.yml") from error
        wait([answer])
        return Restarted(answer, phases.milliseconds, restart.warnings)


def pools_of(cluster: ClusterState) -> list[str]:
    """Whose clients the leader serves: readers too, where no replica does."""
    replicas = [member for member in cluster.members if member.is_up and not member.is_leader]
    return ["rw"] if replicas else ["rw", "ro"]


def refuse_silence(crew: Crew, names: Sequence[str]) -> None:
    """Clients of a proxy without an agent would not be held. Raises Refused."""
    silent = [name for name in names if name not in crew.of(names)]
    if silent:
        told = "; ".join(f"{name}: {crew.silent.get(name, 'no agent was started there')}" for name in silent)
        raise Refused(f"Nothing was changed: these hosts could not lend a hand: {told}. Next: playbooks/status.yml")


class LeaderRestart:
    """One restart; *request* is the POST to the leader's own Patroni, ready to be sent."""

    def __init__(
        self,
        leader: str,
        crew: Crew,
        holding: Holding,
        request: HeldRequest,
        phases: Phases,
        *,
        synchronous: bool,
    ) -> None:
        self.leader, self.crew, self.holding, self.request = leader, crew, holding, request
        self.phases, self.synchronous = phases, synchronous
        self.warnings: list[str] = []

    def run(self) -> Future[Accepted]:
        """Restart it, and return when clients are let go: Patroni may still have to answer.

        Raises Refused where a pooler did not come to rest, RemoteError where an agent failed before Patroni was asked,
        or Patroni does not listen.
        """
        try:
            with self.phases.phase("checkpoint"):
                self.crew.ask(self.leader, "checkpoint", seconds=LONGEST_CHECKPOINT)
            with self.phases.phase("prepare"):
                self.request.connect()  # anew: Patroni may have been restarted during the checkpoint
                self.holding.arm()
                since = self.crew.ask(self.leader, "started")
            with self.holding.held():
                answer = self._send()
                self._see_through(answer, since)
            return answer
        finally:
            self.holding.disarm()

    def _send(self) -> Future[Accepted]:
        worker = ThreadPoolExecutor(1)
        answer = worker.submit(self.request.send)
        worker.shutdown(wait=False)
        return answer

    def _see_through(self, answer: Future[Accepted], since: str) -> None:
        """Patroni is at it: an agent that fails now is told of, and costs time."""
        try:
            with self.phases.phase("restart"):
                is_back = self._await_restart(answer, since)
            if is_back:
                self._bring_clients()
        except MatriarchError as error:
            self.warnings.append(str(error))

    def _await_restart(self, answer: Future[Accepted], since: str) -> bool:
        """True when it is up again, False when clients cannot be held until it is, or Patroni will not have it."""
        while self.holding.seconds_left > 0:
            with suppress(DeadlineExceeded):
                self.crew.ask(self.leader, "await_restarted", since=since, patience=WATCH)
                return True
            if answer.done() and answer.exception():
                return False
        return False

    def _bring_clients(self) -> None:
        with self.phases.phase("route"):
            routed = [self.crew.begin(proxy, "reopen", member=self.leader) for proxy in self.holding.proxies]
            self.warnings += [str(error) for future in routed if isinstance(error := future.exception(), RemoteError)]
        if self.synchronous:
            patience = max(0.0, min(FOLLOW_SECONDS, self.holding.seconds_left))
            with self.phases.phase("follow"), suppress(DeadlineExceeded):
                self.crew.ask(self.leader, "await_synchronous_standby", patience=patience)
