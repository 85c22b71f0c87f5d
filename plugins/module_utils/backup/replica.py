# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data of a member that has none, or shall throw away what it has, out of the repository: nobody need send it.

Patroni calls this, and takes the next of its methods where it fails. The data is made beside its place, of what lay
there before where there was something, and moved there in one step. So a host that loses its power meanwhile boots
without data, is called again, and goes on with what is there already.

While the cluster is restored the repository gives nothing: what the leader gives has the mark of the restore, by which
its plan knows whose data is the restored one.

The WAL since the backup comes along into pg_wal. A standby reads no archive here: what comes later it streams.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup import command
from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup.plain_http import servers
from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup.run import ask_patroni
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.data_folder import (
    control_data,
    forget_recovery,
    is_running,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.etcd_keys import EtcdKeys
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.fetched_wal import FetchedWal
from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.engine import RestoreWish
from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.registry import engine
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import (
    MatriarchError,
    NobodyAnswered,
    Refused,
    RemoteError,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_settings import Settings
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.wal import Segment
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.replica_source import Choice, choose
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.restore_note import note_key
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.words import size

PATRONI_CACHE = "patroni.dynamic.json"
"""What Patroni believes where etcd tells nothing yet: of another cluster's data, that it is to lead."""

PATIENCE = 60.0
"""Seconds for each question to the repository; a leader that could give the data as well does not wait for ever."""

MARGIN = 512 * 1024 * 1024
"""Bytes that stay free."""


def make_replica(settings: Settings, wish: str) -> str:
    """Make it, and say of what. Raises MatriarchError where it is to come from the leader; its place is free then."""
    data = Path(settings.data_directory)
    if is_running(data):
        raise Refused(f"a PostgreSQL runs on {data}")
    if os.path.ismount(data):
        raise Refused(f"{data} is a mount point: what is made beside it cannot be moved there")
    with _alone(data) as waited:
        _see_that_nothing_is_restored(settings)
        if waited and control_data(settings.binary_directory, data):
            return "made by a run before this one"
        try:
            return _make(settings, wish, data)
        except (MatriarchError, OSError) as error:
            shutil.rmtree(_beside(data), ignore_errors=True)  # the room is needed for the copy of the leader's
            if isinstance(error, OSError):
                raise MatriarchError(f"the data could not be made beside {data}: {error}") from error
            raise


def _see_that_nothing_is_restored(settings: Settings) -> None:
    """Raises Refused where etcd has a note of a restore. Another cluster's repositories come without an etcd to ask."""
    unanswered: dict[str, str] = {}
    for http in servers(settings, settings.etcd_urls):
        try:
            found = EtcdKeys(http).get(note_key(settings.cluster))
        except RemoteError as error:
            unanswered[http.url] = error.reason
            continue
        if found:
            raise Refused("the cluster is being restored, and its leader has the data that is wanted")
        return
    if unanswered:
        raise NobodyAnswered(unanswered)


def _make(settings: Settings, wish: str, data: Path) -> str:
    catalog = engine(settings.engine).catalog(settings, lambda argv: command.call(argv, PATIENCE))
    choice = choose(catalog, wish, _leading_timeline(settings))
    beside = _take_aside(data)
    _see_that_there_is_room(choice, beside)
    _restore(settings, choice, beside)
    fetched = _fetch(settings, choice, beside)
    _put_in_place(beside, data)
    return f"{choice.told}; {fetched} files of WAL came along"


def _leading_timeline(settings: Settings) -> int | None:
    """None where nobody leads that could be asked for the data instead."""
    try:
        return ask_patroni(settings).timeline
    except NobodyAnswered:
        return None


def _beside(data: Path) -> Path:
    return data.with_name(f"{data.name}.replica")


def _take_aside(data: Path) -> Path:
    """What is there serves the engine: it copies only what differs."""
    beside = _beside(data)
    if data.exists() and any(data.iterdir()):
        shutil.rmtree(beside, ignore_errors=True)
        data.rename(beside)
        (beside / "postmaster.pid").unlink(missing_ok=True)
    beside.mkdir(mode=0o700, exist_ok=True)
    return beside


def _see_that_there_is_room(choice: Choice, beside: Path) -> None:
    there = sum(path.stat().st_size for path in beside.rglob("*") if path.is_file() and not path.is_symlink())
    needed = max(choice.backup.size - there, 0) + choice.wal_bytes + MARGIN
    free = shutil.disk_usage(beside).free
    if free < needed:
        raise Refused(f"{beside} needs {size(needed)} more, and {size(free)} are free")


def _restore(settings: Settings, choice: Choice, beside: Path) -> None:
    backup = choice.backup
    wish = RestoreWish(str(beside), "latest", label=backup.label, repository=backup.repository, delta=True)
    command.work(engine(settings.engine).restore(settings, wish), threading.Event())
    if control_data(settings.binary_directory, beside) is None:
        raise MatriarchError(f"the engine ended well, but {beside} holds no data")
    forget_recovery(beside)
    for name in ("recovery.signal", PATRONI_CACHE):
        (beside / name).unlink(missing_ok=True)
    (beside / "standby.signal").touch(mode=0o600)


def _fetch(settings: Settings, choice: Choice, beside: Path) -> int:
    """The WAL from the backup on, and what the repository got meanwhile; how many files that were."""
    wal = beside / "pg_wal"
    for path in wal.iterdir():
        if path.is_file():
            path.unlink()
    archive = FetchedWal(engine(settings.engine).fetch(replace(settings, data_directory=str(beside))), beside)
    needed = [segment.name(choice.segment_bytes) for segment in choice.segments]
    ancestry: list[str] = []
    # The first of all timelines has no history. Those before the backup's own are nobody's need: of a cluster that was
    # promoted, they lie in the archive of the one that it had followed.
    for timeline in choice.way.timelines[1:]:
        (needed if timeline >= choice.backup.timeline else ancestry).append(f"{timeline:08X}.history")
    for name in needed:
        if not archive.fetch(name, wal / name):
            raise MatriarchError(f"the repository has lost {name}")
    there = needed + [name for name in ancestry if archive.fetch(name, wal / name)]
    for name in there:
        _note_as_archived(wal, name)
    return len(there) + _fetch_what_came(archive, choice, wal)


def _fetch_what_came(archive: FetchedWal, choice: Choice, wal: Path) -> int:
    number, came = choice.segments[-1].number + 1, 0
    while shutil.disk_usage(wal).free > MARGIN:
        name = Segment(choice.way.timelines[-1], number + came).name(choice.segment_bytes)
        if not archive.fetch(name, wal / name):
            return came
        _note_as_archived(wal, name)
        came += 1
    raise Refused(f"less than {size(MARGIN)} are free in {wal}")


def _note_as_archived(wal: Path, name: str) -> None:
    """So that it is not archived once more, should this member ever lead."""
    folder = wal / "archive_status"
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / f"{name}.done").touch(mode=0o600)


def _put_in_place(beside: Path, data: Path) -> None:
    if data.exists():
        data.rmdir()
    beside.rename(data)


@contextmanager
def _alone(data: Path) -> Iterator[bool]:
    """One at a time: a run outlives a Patroni that dies, and the next Patroni calls another. Whether it was waited."""
    with os.fdopen(os.open(f"{data}.replica.lock", os.O_RDWR | os.O_CREAT, 0o600), "w") as file:
        waited = False
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waited = True
            fcntl.flock(file, fcntl.LOCK_EX)
        yield waited
