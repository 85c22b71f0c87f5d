# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Base backups: made, removed, restored."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.barman_cloud import layout, tools
from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.barman_cloud.bucket import Bucket
from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.barman_cloud.catalog import DONE, fields
from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.barman_cloud.leader import (
    checkpoint,
    end_segment,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model import lsn
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_settings import Settings
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.wal import Segment

FAILED = "FAILED"
LOG_SECONDS = 300
"""How long a backup waits for the WAL without which it is worth nothing."""

NO_DATA = ("pg_wal", "log", "pg_replslot")


def take(settings: Settings, number: int, leader: str) -> None:
    """Make a backup, and see its WAL in the repository. `leader` is its address where that is another member."""
    bucket = Bucket(settings, number)
    before = notes(bucket)  # fails where there is no such bucket, which Barman would create
    options = [
        "--gzip",
        "--immediate-checkpoint",
        f"--jobs={settings.processes}",
        f"--name=matriarch-{size(Path(settings.data_directory))}",
        f"--host={settings.socket_directory}",
        f"--port={settings.postgres_port}",
        "--user=postgres",
        *tools.encryption(settings, every=True),
    ]
    with ended_in_order():
        if leader:
            checkpoint(settings, leader)
        tools.run(settings, number, "backup", options)
    made = [note for label, note in notes(bucket).items() if label not in before and note.get("status") == DONE]
    if not made:
        raise MatriarchError(f"{bucket.label}: the backup was made, but the repository does not show it")
    await_log(settings, bucket, last_segment(made[-1]), leader)


def last_segment(note: dict[str, str]) -> str:
    """The segment that holds the last byte of a backup's WAL. Barman names the next one where that is empty yet."""
    timeline = Segment.parse(note["end_wal"]).timeline
    return Segment.holding(timeline, lsn.parse(note["end_xlog"]) - 1).name()


def await_log(settings: Settings, bucket: Bucket, segment: str, leader: str) -> None:
    """Wait for a segment; a leader that writes little would end it only after minutes, so it is asked to."""
    deadline = time.monotonic() + LOG_SECONDS
    problem = ""
    while not bucket.holds(layout.wal_key(segment)):
        if time.monotonic() > deadline:
            why = f" ({problem})" if problem else ""
            raise MatriarchError(f"{bucket.label}: the backup was made, but its WAL {segment} does not come{why}")
        if leader:
            problem = end_segment(settings, leader, segment)
        time.sleep(2)


def expire(settings: Settings, number: int, labels: Sequence[str]) -> None:
    """Remove backups, the oldest first, and the WAL before those that stay; also what failed attempts have left."""
    failed = [label for label, note in notes(Bucket(settings, number)).items() if note.get("status") == FAILED]
    for label in sorted({*labels, *failed}):
        tools.run(settings, number, "backup-delete", [f"--backup-id={label}"])


def restore(settings: Settings, number: int, label: str, directory: Path, parameters: Sequence[str]) -> None:
    """Restore a backup into an empty directory, with what PostgreSQL needs to recover."""
    tools.check_tarballs()
    tools.run(settings, number, "restore", [], (label, str(directory)))
    with (directory / "postgresql.auto.conf").open("a", encoding="utf-8") as file:
        for name, _equals, value in (parameter.partition("=") for parameter in parameters):
            file.write(f"{name} = '{value.replace(chr(39), 2 * chr(39))}'\n")
    (directory / "recovery.signal").touch(mode=0o600)


def notes(bucket: Bucket) -> dict[str, dict[str, str]]:
    """Barman's note of each backup, the oldest first."""
    found = sorted(each.key for each in bucket.objects("base/") if each.key.endswith(f"/{layout.BACKUP_INFO}"))
    return {layout.backup_of(key): fields(bucket.read(key).decode()) for key in found}


def size(data: Path) -> int:
    """How many bytes a data directory has that go into a backup; files may come and go meanwhile."""
    total = 0
    for place, folders, files in os.walk(data):
        if Path(place) == data:
            folders[:] = [name for name in folders if name not in NO_DATA]
        for name in files:
            try:
                total += (Path(place) / name).stat().st_size
            except OSError:
                continue
    return total


@contextmanager
def ended_in_order() -> Iterator[None]:
    """Whoever is told to end says so to PostgreSQL and to the storage, and leaves no process behind."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    former = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    except KeyboardInterrupt as error:
        raise MatriarchError("the backup was ended from outside") from error
    finally:
        signal.signal(signal.SIGTERM, former)
        for process in multiprocessing.active_children():
            process.kill()
