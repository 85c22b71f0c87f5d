# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts' own program: `matriarch-sentry` ends the leadership of a member whose disk hangs, by that member itself.

A leader whose disk does not come back keeps its key in etcd, for Patroni needs no disk for that, and every commit
waits. The sentry sees it by writes of its own, in a process of their own. It kills PostgreSQL and Patroni, makes sure
that none of their processes can ever run again, and only then gives the key up, so that a standby takes over at once.

What it needs is in memory before: it reads nothing from a disk, and waits for none.
"""

from __future__ import annotations

import argparse
import os
import ssl
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.etcd_keys import EtcdKeys
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.kept_http import KeptHttp
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError, RemoteError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.sentry import SETTINGS_FILE, Sentry
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.sentry import Stillness, View, objection
from ansible_collections.matriarch.pgcluster.plugins.module_utils.sentry import memory, standbys
from ansible_collections.matriarch.pgcluster.plugins.module_utils.sentry.probing import Probe
from ansible_collections.matriarch.pgcluster.plugins.module_utils.sentry.store import SentryStore, Standing
from ansible_collections.matriarch.pgcluster.plugins.module_utils.sentry.unit import Unit

TICK_SECONDS = 0.25
AGAIN_SECONDS = 1.0  # between two tries of what did not go
CALM_SECONDS = 5.0  # between two looks at etcd while all is well: what these take stays in memory
RENEW_SECONDS = 60.0
ETCD_SECONDS = 1.0
USER = "postgres"


class Probing(Protocol):
    """What tells of writes that came back, and of the postmaster that runs (0: none; None: it has not told yet)."""

    @property
    def is_stuck(self) -> bool: ...

    @property
    def postmaster(self) -> int | None: ...

    def wait(self, seconds: float) -> bool: ...


class Ending(Protocol):
    """What ends PostgreSQL and Patroni for good, and lets them start again; words where something is not so."""

    @property
    def is_held(self) -> bool: ...

    @property
    def is_ended(self) -> bool: ...

    def holds(self, pid: int) -> bool: ...

    def end(self) -> str: ...

    def release(self) -> str: ...


class Fit(Protocol):
    """Tells which members could take over, by their own Patroni, and whether they have to be streaming."""

    def __call__(self, streaming: bool, /) -> frozenset[str]: ...


class Every:
    """What happens once in so many seconds, at the first time at once."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._next = seconds, 0.0

    def is_due(self, now: float) -> bool:
        """Whether it is time again; then the next time is so many seconds later."""
        due = now >= self._next
        self._next = now + self._seconds if due else self._next
        return due


class Watch:
    """One member's eye on its own disk. `clock`: seconds since boot, sleep included."""

    def __init__(
        self,
        settings: Sentry,
        store: SentryStore,
        probe: Probing,
        unit: Ending,
        fit: Fit,
        clock: Callable[[], float],
    ) -> None:
        self._settings, self._store, self._probe, self._unit = settings, store, probe, unit
        self._fit, self._clock = fit, clock
        self._still = Stillness(clock())
        self._practice, self._tries = Every(CALM_SECONDS), Every(AGAIN_SECONDS)
        self._said = ""
        self._is_over = False

    def turn(self) -> None:
        """Look once, and do what is to be done."""
        has_returned = self._probe.wait(TICK_SECONDS)
        self._still = self._still.after(self._clock(), has_returned, self._probe.is_stuck)
        if has_returned:
            self._well()
        elif self._is_hung and not self._is_over and self._tries.is_due(self._clock()):
            self._hung()

    @property
    def _is_hung(self) -> bool:
        return self._unit.is_held or self._still.seconds >= self._settings.hung_seconds

    def _well(self) -> None:
        if self._unit.is_ended:
            problem = self._unit.release()
            self._say(f"the disk writes again, and Patroni {f'cannot start: {problem}' if problem else 'starts'}")
        elif self._said:
            self._say("the disk writes again")
        self._said, self._is_over = "", False
        if self._practice.is_due(self._clock()):
            self._stay_in_practice()

    def _stay_in_practice(self) -> None:
        with suppress(RemoteError):
            self._store.read()

    def _hung(self) -> None:
        standing, why = self._look()
        if standing is None or why:
            self._is_over = self._unit.is_held and standing is not None and standing.leads != self._settings.member
            self._say(f"{self._trouble}, and nothing is done: {why}")
        elif self._probe.wait(0):  # at the last moment
            self._still = Stillness(self._clock())
            self._well()
        else:
            self._say(f"{self._trouble}: ending PostgreSQL")
            self._say(self._fence(standing))

    @property
    def _trouble(self) -> str:
        return f"for {self._settings.hung_seconds:g} s no write to {self._settings.data_directory} has returned"

    def _look(self) -> tuple[Standing | None, str]:
        """What etcd holds, and what speaks against acting. Once PostgreSQL has ended, nobody streams from it."""
        try:
            standing = self._store.read()
        except RemoteError as error:
            return None, f"etcd does not tell who leads: {error}"
        leads = standing.leads == self._settings.member
        strays = self._strays if leads else False
        fit = self._fit(not self._unit.is_held) if leads else frozenset()
        view = View(self._settings.member, standing.leads, standing.paused, standing.sync_set, fit, strays)
        return standing, objection(view)

    @property
    def _strays(self) -> bool | None:
        """Whether PostgreSQL runs where the unit does not hold it. What was ended before had been found there."""
        postmaster = self._probe.postmaster
        if postmaster is None:
            return False if self._unit.is_held else None
        return bool(postmaster) and not self._unit.holds(postmaster)

    def _fence(self, standing: Standing) -> str:
        """Tells how it went; whatever failed is tried again while the lease lives."""
        problem = self._unit.end()
        if problem:
            return f"that PostgreSQL has ended is not proved: {problem}"
        try:
            self._is_over = self._store.give_up(standing)
        except RemoteError as error:
            return f"PostgreSQL has ended for good, but etcd does not take the leadership back: {error}"
        if not self._is_over:
            return "PostgreSQL has ended for good, but the cluster has changed meanwhile"
        return "PostgreSQL has ended for good, and this member leads no more"

    def _say(self, words: str) -> None:
        if words != self._said:
            self._said = words
            say(words)


def say(words: str) -> None:
    """To the journal, which has a disk as well: nothing waits for it."""
    with suppress(BlockingIOError):
        os.write(sys.stdout.fileno(), f"{words}\n".encode())


def since_boot() -> float:
    """Seconds, sleep included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Certificates:
    """This host's own, as they were when its disk was well."""

    def __init__(self, settings: Sentry) -> None:
        self._settings = settings
        self._context = self._read()
        self._read_at = since_boot()

    def __call__(self) -> ssl.SSLContext:
        return self._context

    def renew(self) -> None:
        """Read them again, now and then: they change while this runs."""
        if since_boot() - self._read_at >= RENEW_SECONDS:
            self._read_at = since_boot()
            with suppress(OSError):  # they are just being replaced
                self._context = self._read()

    def _read(self) -> ssl.SSLContext:
        made = ssl.create_default_context(cafile=self._settings.ca_file)
        made.load_cert_chain(self._settings.certificate_file, self._settings.key_file)
        return made


def servers(settings: Sentry) -> Sequence[str]:
    """etcd's addresses, those of other hosts first: this one's may wait for the same disk."""
    own = f"//{settings.members[settings.member]}:"
    return sorted(settings.etcd_urls, key=lambda url: own in url)


def others(settings: Sentry) -> Mapping[str, str]:
    """The other members' Patroni, by name."""
    places = {name: address for name, address in settings.members.items() if name != settings.member}
    return {name: f"https://{address}:{settings.patroni_port}" for name, address in places.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Until it is ended."""
    options = argparse.ArgumentParser(prog="matriarch-sentry", description="Ends leadership where the disk hangs.")
    options.add_argument("--settings", default=SETTINGS_FILE)
    try:
        settings = Sentry.read(options.parse_args(arguments).settings)
        certificates = Certificates(settings)
    except (MatriarchError, OSError) as error:
        sys.stderr.write(f"matriarch-sentry: {error}\n")
        return 1
    os.set_blocking(sys.stdout.fileno(), False)
    if problem := memory.stay():
        say(f"not all of this program can be kept in memory ({problem}): it may wait for the system's disk")
    etcd = [EtcdKeys(KeptHttp(url, certificates, ETCD_SECONDS)) for url in servers(settings)]
    store = SentryStore(etcd, settings.cluster)
    probe = Probe(Path(settings.data_directory), USER)
    places = others(settings)

    def fit(streaming: bool, /) -> frozenset[str]:
        return standbys.fit(places, certificates, streaming)

    watch = Watch(settings, store, probe, Unit((settings.postgresql_port, settings.patroni_port)), fit, since_boot)
    fit(True)  # once beforehand, so that all that it takes is in memory
    while True:
        watch.turn()
        if not probe.is_stuck:
            certificates.renew()
