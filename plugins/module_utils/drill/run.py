# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore drills of this member: the one that the timer makes when it is due, and the one on demand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup.lock import BackupLock, Busy
from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup.plain_http import servers
from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup.proofs import Proofs
from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup.run import ask_patroni
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.etcd_keys import EtcdKeys
from ansible_collections.matriarch.pgcluster.plugins.module_utils.drill.place import Place
from ansible_collections.matriarch.pgcluster.plugins.module_utils.drill.planning import Planned, plan
from ansible_collections.matriarch.pgcluster.plugins.module_utils.drill.state import DrillState
from ansible_collections.matriarch.pgcluster.plugins.module_utils.drill.trying import Trying
from ansible_collections.matriarch.pgcluster.plugins.module_utils.drill.watch import Look, Watch
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError, Refused, RemoteError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup import moment, shown
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_settings import Settings
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.proof import Proof, Trial
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.backup import is_turn
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.drill import SPARE, due, order

RETRY = timedelta(hours=1)
"""So long a member waits after a drill of its own that came to no verdict."""


def scheduled(settings: Settings, now: datetime | None = None) -> Trial | None:
    """Make the drill that is due, if it is this member's turn. Raises MatriarchError."""
    place = Place(settings)
    try:
        with place.alone():
            _clear(settings, place)
            proof = _proofs(settings).agreed()
            return _make(settings, place, proof) if _is_for_us(settings, proof, now or datetime.now(UTC)) else None
    except Busy:
        return None


def _is_for_us(settings: Settings, proof: Proof, now: datetime) -> bool:
    state = DrillState.read()
    wanted = due(settings.drill, proof.drill, proof.good_drill, now)
    since = (state.due_since or shown(now)) if wanted else ""
    if since != state.due_since:
        _note(due_since=since)
    if not wanted or state.rests_until > shown(now):
        return False
    return is_turn(settings.member, order(ask_patroni(settings), settings.drill), moment(since), now)


def demanded(settings: Settings, *, even_on_leader: bool = False) -> Trial:
    """Make one now. Raises MatriarchError, of which Busy says that another member is at it."""
    place = Place(settings)
    with place.alone():
        _clear(settings, place)
        _see_that_it_may(settings, even_on_leader)
        return _make(settings, place, _proofs(settings).agreed())


def foreseen(settings: Settings, *, even_on_leader: bool = False) -> Planned:
    """What one would restore now; nothing is done. Raises MatriarchError as the drill itself would."""
    _see_that_it_may(settings, even_on_leader)
    return plan(settings, Place(settings), _proofs(settings).known_here())


def sweep(settings: Settings) -> None:
    """Remove what a drill left that is dead. Raises Refused while one runs."""
    place = Place(settings)
    with place.alone():
        _clear(settings, place)


# By the words of the hosts' own program.
WAYS: Mapping[str, Callable[[Settings], Trial | Planned | None]] = {
    "scheduled": scheduled,
    "now": demanded,
    "even-on-leader": lambda settings: demanded(settings, even_on_leader=True),
    "foreseen": foreseen,
    "foreseen-even-on-leader": lambda settings: foreseen(settings, even_on_leader=True),
    "swept": sweep,
}


def _make(settings: Settings, place: Place, proof: Proof) -> Trial:
    with _noting_failures(), _lock(settings) as lock:
        planned = plan(settings, place, proof)
        _note(running_since=shown(datetime.now(UTC)))
        try:
            place.make()
            with Watch([_lock_is_lost(lock), _disk_is_full(place)]) as watch:
                trial = Trying(settings, place, planned, watch).run()
        finally:
            place.sweep()
            _note(running_since="")
        _proofs(settings).add(trial)
    return trial


def _lock(settings: Settings) -> BackupLock:
    return BackupLock(_etcd(settings), settings.cluster, _holder(settings), work="drill")


def _holder(settings: Settings) -> dict[str, str]:
    return {"member": settings.member}


@contextmanager
def _noting_failures() -> Iterator[None]:
    """That another member is at it is none. What was refused has cost nothing, so it may be tried soon."""
    try:
        yield
    except Busy:
        raise
    except MatriarchError as error:
        _failed(str(error), rest=not isinstance(error, Refused))
        raise
    _note(failed_at="", failure="", rests_until="")


def _failed(words: str, *, rest: bool) -> None:
    now = datetime.now(UTC)
    _note(running_since="", failed_at=shown(now), failure=words, rests_until=shown(now + RETRY) if rest else "")


def _clear(settings: Settings, place: Place) -> None:
    """Whoever is alone here and finds something, finds what was left by one that died; its lock as well."""
    state = DrillState.read()
    if state.running_since:
        with suppress(RemoteError):  # it would also end by itself
            _lock(settings).free(_holder(settings))
        _failed(f"the drill that began at {state.running_since} was ended before its verdict", rest=True)
    place.sweep()


def _see_that_it_may(settings: Settings, even_on_leader: bool) -> None:
    cluster = ask_patroni(settings)
    if settings.member in order(cluster, settings.drill, even_on_leader=even_on_leader):
        return
    if cluster.leader and cluster.leader.name == settings.member:
        raise Refused(f"{settings.member} leads, and a drill would take from its clients. Next: make it on a standby")
    raise Refused(f"{settings.member} does not stream, so it has enough to do. Next: ansible-playbook status.yml")


def _lock_is_lost(lock: BackupLock) -> Look:
    return lambda: "the lock of the drills was lost: etcd did not answer" if lock.lost.is_set() else ""


def _disk_is_full(place: Place) -> Look:
    def look() -> str:
        free, _total = place.room()
        return f"{place.parent} has only {free >> 20} MiB left, and the member needs it" if free < SPARE else ""

    return look


def _proofs(settings: Settings) -> Proofs:
    return Proofs(_etcd(settings), settings.cluster)


def _etcd(settings: Settings) -> list[EtcdKeys]:
    return [EtcdKeys(http) for http in servers(settings, settings.etcd_urls)]


def _note(**changed: str) -> None:
    replace(DrillState.read(), **changed).write()
