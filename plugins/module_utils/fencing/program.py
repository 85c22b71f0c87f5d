# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts' own program: `matriarch-fencer` watches the leader's host, and has it fenced when it is silent.

It runs on every member. Once most of them find the host silent, the one that is first has the command prove that the
host has no power. Then, and only then, it has everybody know, so that nobody waits for an answer of that host, and
takes the leader's key from it, so that nobody waits until the lease is over.
"""

from __future__ import annotations

import argparse
import ssl
import sys
import threading
import time
from collections.abc import Callable, Sequence

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.etcd_keys import EtcdKeys
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.kept_http import KeptHttp
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError, RemoteError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.fencing import (
    looking,
    proving,
    refusing,
    routes,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.fencing.store import Claim, FencingStore, Standing
from ansible_collections.matriarch.pgcluster.plugins.module_utils.fencing.suspecting import Suspicion
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.fencing import SETTINGS_FILE, Fencing
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.fencing import (
    LARGEST_PAUSE,
    Silence,
    View,
    objection,
)

CALM_SECONDS = 0.3  # between two looks at a leader that answers
SUSPICIOUS_SECONDS = 0.05
LOOK_SECONDS = 0.25  # for an answer; one lost packet is sent again only after a second, so each place is asked twice
SHORTEST_LOOK = 0.1  # the last one takes no longer than the suspicion needs
AHEAD_SECONDS = 0.5  # a member says so before it may act: the first one that may finds the words of the others
HEED_SECONDS = 0.5  # for the other members to send nothing to a host without power any more
HEED_LOOK_SECONDS = 0.02
ETCD_SECONDS = 1.0
CALM_ETCD_SECONDS = 0.4  # while it elects a leader it does not answer, and that may be the first sign of a host's end
SPARE_SECONDS = 10  # that the claim outlives the command
ATTEMPTS = 5  # at etcd, for somebody who has the proof


class Fencer:
    """One member's eye on the leader. `clock` gives seconds since boot, sleep included.

    `store` is asked when something is to be done, and `calm_store`, which has less patience, while all is well.
    """

    def __init__(
        self, settings: Fencing, store: FencingStore, calm_store: FencingStore, clock: Callable[[], float]
    ) -> None:
        self._settings, self._store, self._calm_store, self._clock = settings, store, calm_store, clock
        self._silence = Silence()
        self._suspicion = Suspicion(store, settings.member)
        self._heeded = 0
        self._closed: dict[str, float] = {}
        # Another member is at it: what it finds has to be heard of at once, and no look may keep this one from that.
        self._other_fences = False
        self._etcd_answers = False
        # The note that this member has written, and whether the host that it is about has been heard since.
        self._note, self._heard = 0, threading.Event()

    def turn(self) -> float:
        """Look once, and do what is to be done; the seconds until the next look."""
        if not self._other_fences:
            self._silence = self._look(self._silence.whom)
        standing = None if self._is_waiting else self._read()
        has_waited, self._other_fences = self._other_fences, self._is_at_it(standing)
        if standing:
            self._heed(standing)
            # Nobody has looked while another one was at it: the leader may be well again, and is silent from now on.
            if standing.leads != self._silence.whom or (has_waited and not self._other_fences):
                self._silence = Silence(standing.leads)
        self._open(standing)
        if standing and self._is_due(standing):
            self._fence(standing)
        elif not self._is_waiting:
            # In this order, so that a word counts only after one more look.
            self._suspicion.follow(standing, self._silence.seconds > 0)
        # An etcd that has just ceased to answer may have lost its own leader with that host.
        ceased, self._etcd_answers = self._etcd_answers and standing is None, standing is not None
        return SUSPICIOUS_SECONDS if ceased or self._silence.since is not None else CALM_SECONDS

    def _is_at_it(self, standing: Standing | None) -> bool:
        """Whether somebody fences a leader that this member has found silent, or was in vain a short while ago."""
        return bool(standing and standing.fencer and self._silence.seconds)

    @property
    def _is_waiting(self) -> bool:
        """Until a silence is nearly long enough, etcd is not asked: it may have to elect a leader itself."""
        return 0.0 < self._silence.seconds < self._settings.suspect_seconds - AHEAD_SECONDS

    def _read(self) -> Standing | None:
        """None where etcd does not answer: then nobody is fenced, but looked at, so that the time counts."""
        store = self._calm_store if self._silence.since is None else self._store
        store.avoid(self._settings.members[self._silence.whom] if self._silence.since is not None else "")
        try:
            return store.read()
        except RemoteError:
            return None

    def _heed(self, standing: Standing) -> None:
        """Nobody on this host shall wait for a host that has no power; each note counts once, however long it lasts."""
        note = standing.fenced
        if note is None or note.mod_revision == self._heeded:
            return
        self._heeded = note.mod_revision
        self._close(note.value.decode(errors="replace"))
        try:
            self._store.heed(note, self._settings.member)
        except RemoteError:
            return  # then nobody waits for this member for longer than it is worth

    def _close(self, name: str) -> None:
        address, seconds = self._settings.members.get(name, ""), self._settings.route_seconds
        if address and name not in (self._settings.member, *self._closed):
            self._closed[name] = self._clock() + seconds
            say(routes.close(address) or f"{name} has no power: for {seconds} s nothing is sent to it")

    def _open(self, standing: Standing | None) -> None:
        """Once the time is over, or the note is gone, since the host was heard again."""
        if self._note and self._heard.is_set():
            self._forget()
        is_over = self._clock() >= max(self._closed.values(), default=0.0)
        if self._closed and (is_over or (standing and standing.fenced is None)):
            self._closed.clear()
            say(routes.open_all() or "the routes to hosts without power are open again")

    def _forget(self) -> None:
        try:
            self._store.forget(self._note)
        except RemoteError as error:
            say(f"the others send nothing to it until the note is over: {error}")
        self._note = 0

    def _look(self, leader: str) -> Silence:
        if leader not in self._settings.members or leader == self._settings.member:
            return Silence()
        address = self._settings.members[leader]
        places, seconds = [(address, self._settings.postgresql_port)], LOOK_SECONDS
        began = self._clock()
        if self._silence.since is not None:
            places = 2 * [*places, (address, self._settings.patroni_port)]
            left = self._settings.suspect_seconds - (began - self._silence.since)
            seconds = min(seconds, max(SHORTEST_LOOK, left))
        answered = bool(looking.answering(places, seconds))
        return self._silence.after(leader, began, self._clock(), answered)

    def _is_due(self, standing: Standing) -> bool:
        settings, leader = self._settings, standing.leads
        if self._silence.seconds < settings.suspect_seconds or self._is_old:
            return False
        others = settings.members.keys() - {leader, settings.member}
        view = View(
            member=settings.member,
            members=tuple(settings.members),
            leader=leader,
            paused=standing.paused,
            silent_seconds=self._silence.seconds,
            is_said=self._suspicion.is_heard(standing),
            others=len(others),
            others_suspecting=len(others & standing.suspecting.keys()),
            fencer=standing.fencer.value.decode(errors="replace") if standing.fencer else "",
        )
        return not objection(view, settings.suspect_seconds)

    @property
    def _is_old(self) -> bool:
        """Whether the last look was so long ago that the leader may have come back: etcd was slow, or this host."""
        return self._clock() - self._silence.until > LARGEST_PAUSE

    def _has_come_back(self, leader: str) -> bool:
        return self._is_old and self._look(leader).since is None

    def _fence(self, standing: Standing) -> None:
        settings, leader = self._settings, standing.leads
        try:
            claim = self._store.claim(standing, settings.member, settings.command_seconds + SPARE_SECONDS)
        except RemoteError:
            return
        if claim is None:
            return
        if self._has_come_back(leader):
            say(f"{leader} was silent for {self._silence.seconds:.1f} s, and answers again: nothing is done")
            return
        say(f"{leader} has been silent for {self._silence.seconds:.1f} s: running {settings.command[0]}")
        problem = proving.disproof(settings.command, leader, settings.command_seconds)
        if problem:
            say(f"that {leader} has no power is not proved: {problem}. Its lease runs out as ever")
            return
        self._close(leader)
        own = settings.members[settings.member]
        self._heard = refusing.speak_for(settings.members[leader], own, settings.route_seconds, say)
        self._have_heeded(claim)
        say(self._depose(claim))

    def _have_heeded(self, claim: Claim) -> None:
        """Everybody knows that nobody answers there, before Patroni asks all members who is to lead."""
        try:
            self._note = self._store.note(claim, self._settings.route_seconds)
            deadline = self._clock() + HEED_SECONDS
            others = len(self._settings.members) - 2
            while self._note and self._store.heeding(self._note) < others and self._clock() < deadline:
                time.sleep(HEED_LOOK_SECONDS)
        except RemoteError as error:
            say(f"not everybody knows that {claim.leader} has no power: {error}")

    def _depose(self, claim: Claim) -> str:
        error: RemoteError | None = None
        for _attempt in range(ATTEMPTS):
            try:
                if self._store.depose(claim):
                    return f"{claim.leader} leads no more"
                return f"somebody else has changed the cluster meanwhile: nothing is taken from {claim.leader}"
            except RemoteError as failed:
                error = failed
        return f"{claim.leader} leads until its lease is over: {error}"


def say(words: str) -> None:
    """To the journal."""
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def since_boot() -> float:
    """Seconds, sleep included: a host that stood still must not take its own silence for the leader's."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def store(settings: Fencing, seconds: float) -> FencingStore:
    """With this host's own certificate; the etcd on this host is asked first, and each is given so many seconds."""

    def context() -> ssl.SSLContext:
        made = ssl.create_default_context(cafile=settings.ca_file)
        made.load_cert_chain(settings.certificate_file, settings.key_file)
        return made

    own = f"//{settings.members.get(settings.member, '')}:"
    urls = sorted(settings.etcd_urls, key=lambda url: own not in url)
    return FencingStore([EtcdKeys(KeptHttp(url, context, seconds)) for url in urls], settings.cluster)


def main(arguments: Sequence[str] | None = None) -> int:
    """Until it is ended."""
    options = argparse.ArgumentParser(prog="matriarch-fencer", description="Fences a leader whose host is silent.")
    options.add_argument("--settings", default=SETTINGS_FILE)
    try:
        settings = Fencing.read(options.parse_args(arguments).settings)
    except MatriarchError as error:
        sys.stderr.write(f"matriarch-fencer: {error}\n")
        return 1
    routes.open_all()  # those of one that died
    fencer = Fencer(settings, store(settings, ETCD_SECONDS), store(settings, CALM_ETCD_SECONDS), since_boot)
    while True:
        time.sleep(fencer.turn())
