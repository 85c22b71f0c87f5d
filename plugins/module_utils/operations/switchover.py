# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hand leadership over while the poolers hold their clients.

The order, and why it is fast and safe:
1. Before the clock starts: checkpoints on both members, so that the stop has little to write; readers move away from
   the candidate; all connections are open, that to Patroni since just now; every pooler's dead man's timer is armed.
2. Hold: PAUSE on every pooler at once. One that does not come to rest in time ends the attempt; nothing has happened.
3. Flush: the candidate has all that the leader wrote.
4. Patroni hands over. Its answer is read, but the candidate itself is watched: it says first that it is writable.
   As soon as the leader has stopped, the other standbys are pointed at the candidate: under strict synchronous
   replication nothing is acknowledged until one of them streams from the new leader.
5. Route: HAProxy is told what its checks would find a second later. Follow: a standby streams.
6. Release: RESUME, whatever happened, and no later than *hold_seconds* after the hold.
7. The truth about the cluster decides how it ended, never an HTTP status alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.held_request import HeldRequest, Unsent
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.json_http import Accepted
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.member_sql import LONGEST_CHECKPOINT
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import (
    DeadlineExceeded,
    MatriarchError,
    Refused,
    RemoteError,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import ClusterState
from ansible_collections.matriarch.pgcluster.plugins.module_utils.operations.crew import Crew
from ansible_collections.matriarch.pgcluster.plugins.module_utils.operations.holding import Holding, Patience
from ansible_collections.matriarch.pgcluster.plugins.module_utils.operations.phases import Phases
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.switchover import SwitchoverPlan
from ansible_collections.matriarch.pgcluster.plugins.module_utils.wait import wait_until

WATCH = 0.2  # seconds between looks at Patroni's answer while the candidate is watched
FOLLOW_SECONDS = 2.0  # how long clients are held for the first standby that streams


@dataclass(frozen=True)
class Way:
    """How it is done. Times in seconds.

    *hold*: whether poolers hold their clients. *hasten*: whether Patroni's before_stop script saves its polling.
    *follow*: whether the other standbys are pointed at the new leader at once.
    """

    hold: bool = True
    hasten: bool = True
    follow: bool = True
    drain_seconds: float = 2.0
    hold_seconds: float = 5.0
    settle_seconds: float = 60.0


class Switchover:
    """One handover as *plan* says; *request* is the POST to the leader, ready to be sent."""

    def __init__(
        self, plan: SwitchoverPlan, crew: Crew, way: Way, proxies: Sequence[str], request: HeldRequest
    ) -> None:
        self.plan, self.crew, self.way, self.request = plan, crew, way, request
        self.warnings: list[str] = []
        self.phases = Phases()
        self.proxies = crew.of(proxies)
        self.is_led = False  # whether the candidate was seen to be writable while clients were held
        patience = Patience(way.drain_seconds, way.hold_seconds)
        self.holding = Holding(crew, self.proxies if way.hold else (), ("rw", "ro"), patience, self.phases)

    def run(self, cluster: Callable[[], ClusterState]) -> ClusterState:
        """Hand over, and return the cluster as it is afterwards; *cluster* asks Patroni.

        Raises Refused where a pooler or Patroni said no and nothing has changed, DeadlineExceeded where the end was
        not reached in time, MatriarchError where somebody else leads now.
        """
        try:
            self._prepare()
            answer = self._change_leader()
            return self._settle(answer, cluster)
        finally:
            self._tidy()

    def _prepare(self) -> None:
        plan, crew = self.plan, self.crew
        with self.phases.phase("checkpoint"):
            crew.ask_all(crew.of([plan.leader, plan.candidate]), "checkpoint", seconds=LONGEST_CHECKPOINT)
        with self.phases.phase("prepare"):
            if all(crew.ask_all(self.proxies, "drain", member=plan.candidate).values()):
                self.holding.pools = ["rw"]  # the readers have gone to another replica already
            self.request.connect()  # anew: Patroni may have been restarted during the checkpoints
            self.holding.arm()
            if self.way.hasten:
                lasting = self.way.drain_seconds + self.way.hold_seconds
                crew.ask_all(crew.of([plan.leader]), "mark", lasting=lasting)

    def _change_leader(self) -> Future[Accepted]:
        """All that happens while clients are held."""
        with self.holding.held():
            self._flush()
            answer = self._send()
            self._see_through(answer)
            return answer

    def _flush(self) -> None:
        plan, patience = self.plan, self.way.hold_seconds / 2  # the change itself needs the rest
        if len(self.crew.of([plan.leader, plan.candidate])) < 2:
            return
        with self.phases.phase("flush"):
            position = self.crew.ask(plan.leader, "flushed")
            try:
                self.crew.ask(
                    plan.candidate, "await_flushed", seconds=patience + 3, position=position, patience=patience
                )
            except DeadlineExceeded as error:
                raise Refused(f"Nothing was changed. {error}. Next: wait until the candidate has caught up") from error

    def _send(self) -> Future[Accepted]:
        """Patroni answers a second after the fact, so nobody waits for that."""
        worker = ThreadPoolExecutor(1)
        answer = worker.submit(self.request.send)
        worker.shutdown(wait=False)
        return answer

    def _see_through(self, answer: Future[Accepted]) -> None:
        """Patroni is at it: an agent that fails now is told of, but how it ends is the cluster's to say.

        Raises Refused where Patroni does.
        """
        try:
            with self.phases.phase("stop"):
                has_stopped = self._await_candidate("await_cut_off", answer, gives_up=has_failed)
            if not has_stopped:
                return
            self._repoint()  # the others have nobody to stream from now, and need not wait for the promotion
            with self.phases.phase("promote"):
                self.is_led = self._await_candidate("await_writable", answer)  # whatever Patroni says by now
            if self.is_led:
                self._bring_clients()
        except (RemoteError, DeadlineExceeded) as error:
            self.warnings.append(str(error))

    def _await_candidate(
        self, state: str, answer: Future[Accepted], gives_up: Callable[[Future[Accepted]], bool] = lambda _answer: False
    ) -> bool:
        """True when the candidate has come to that state, False when clients cannot be held until it does."""
        while self.crew.of([self.plan.candidate]) and self.holding.seconds_left > 0:
            is_in_vain = gives_up(answer)  # asked first, so that what the candidate shows is the newer word
            with suppress(DeadlineExceeded):
                self.crew.ask(self.plan.candidate, state, patience=WATCH)
                return True
            raise_if_refused(answer)
            if is_in_vain:
                return False
        return False

    def _bring_clients(self) -> None:
        plan, crew = self.plan, self.crew
        with self.phases.phase("route"):
            routed = [crew.begin(p, "route", new=plan.candidate, old=plan.leader) for p in self.proxies]
            self._repoint()  # once more: Patroni may have pointed them back, before it knew the new leader
            self.warnings += [str(error) for future in routed if (error := future.exception())]
        if plan.synchronous:
            patience = max(0.0, min(FOLLOW_SECONDS, self.holding.seconds_left))
            with self.phases.phase("follow"), suppress(DeadlineExceeded):
                crew.ask(plan.candidate, "await_synchronous_standby", patience=patience)

    def _repoint(self) -> None:
        """Point the other standbys at the candidate; one that is already stays untouched."""
        plan = self.plan
        for name in self.crew.of(plan.others) if self.way.follow else ():
            self.crew.begin(name, "follow", host=plan.candidate_host, port=plan.candidate_port)

    def _settle(self, answer: Future[Accepted], cluster: Callable[[], ClusterState]) -> ClusterState:
        """Watch the cluster until it is whole under its new leader, or it is clear that it will not be."""

        def look() -> ClusterState | RemoteError:
            try:
                return cluster()
            except RemoteError as error:  # nobody may know for a moment
                return error

        with self.phases.phase("settle"):
            seen = wait_until(
                look, lambda state: self._is_over(state, answer), seconds=self.way.settle_seconds, interval=0.5
            ).last
        problems = [str(seen)] if isinstance(seen, RemoteError) else self._problems(seen)
        leader = seen.leader.name if isinstance(seen, ClusterState) and seen.leader else None
        if leader == self.plan.leader:
            raise self._old_leader_stays(answer)
        if leader not in (None, self.plan.candidate):
            told = f"{leader} leads now instead of {self.plan.candidate}; Patroni's answer: {words_of(answer)}"
            raise MatriarchError(f"{told}. Next: ansible-playbook status.yml")
        if isinstance(seen, RemoteError) or problems:
            raise DeadlineExceeded(
                f"{self.way.settle_seconds:g} s after the handover to {self.plan.candidate}: {'; '.join(problems)}. "
                "Next: ansible-playbook status.yml"
            )
        return seen

    def _old_leader_stays(self, answer: Future[Accepted]) -> MatriarchError:
        """Only what Patroni denied has not begun, and will not."""
        raise_if_refused(answer)
        leader = self.plan.leader
        told, next_step = f"{leader} leads; Patroni's answer: {words_of(answer)}", f"journalctl -u patroni on {leader}"
        if was_denied(answer):
            return Refused(f"{told}. Next: {next_step}")
        if answer.done() and answer.exception() is None:
            return MatriarchError(f"{told}; so leadership has gone back. Next: {next_step}")
        may = "The request stands, and Patroni may still carry it out"
        return DeadlineExceeded(f"{told}. {may}. Next: ansible-playbook status.yml, and {next_step}")

    def _is_over(self, state: ClusterState | RemoteError, answer: Future[Accepted]) -> bool:
        if isinstance(state, RemoteError) or state.leader is None:
            return False
        if state.leader.name == self.plan.leader:  # until it has stopped; and again when Patroni thought better of it
            return was_denied(answer) and not self.is_led
        return not self._problems(state)

    def _problems(self, state: ClusterState) -> tuple[str, ...]:
        """What is wrong now with those who were well before."""
        plan = self.plan
        return state.problems((plan.leader, plan.candidate, *plan.others), synchronous=plan.synchronous)

    def _tidy(self) -> None:
        """Nothing of the operation stays: no timer, no mark, nobody drained."""
        crew = self.crew
        crew.ask_all_kindly([self.plan.leader], "unmark")
        crew.ask_all_kindly(self.proxies, "undrain", member=self.plan.candidate)
        self.holding.disarm()


def raise_if_refused(answer: Future[Accepted]) -> None:
    """Raise Refused with Patroni's words where it refused (HTTP 4xx), or was not asked, and so began nothing."""
    error = answer.exception() if answer.done() else None
    status = error.details.get("status") if isinstance(error, RemoteError) else None
    if isinstance(error, Unsent) or (isinstance(status, int) and 400 <= status < 500):
        raise Refused(f"Nothing was changed. {error}. Next: ansible-playbook status.yml") from error


def was_denied(answer: Future[Accepted]) -> bool:
    """Whether Patroni has said that leadership stays, or was not asked to change it.

    Neither HTTP 200 says so, nor HTTP 503 "status unknown" (Patroni's `poll_failover_result`), nor silence.
    """
    error = answer.exception() if answer.done() else None
    details = error.details if isinstance(error, RemoteError) else {}
    return isinstance(error, Unsent) or ("status" in details and "unknown" not in str(details.get("answer")))


def has_failed(answer: Future[Accepted]) -> bool:
    """Whether Patroni has denied it, or has hung up on it.

    What it may still do of the latter it does after a start of its own, and so not while clients can be held.
    """
    error = answer.exception() if answer.done() else None
    details = error.details if isinstance(error, RemoteError) else {}
    return error is not None and "unknown" not in str(details.get("answer"))


def words_of(answer: Future[Accepted]) -> str:
    """What Patroni said in the end."""
    if not answer.done():
        return "none yet"
    error = answer.exception()
    return str(error) if error else answer.result().said
