# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A data directory of PostgreSQL on this host that no server of the cluster uses: what it is, and its mark."""

from __future__ import annotations

import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.command import CommandError, run
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.owned_file import replace_file
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError, RemoteError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.control_data import ControlData
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.restore_mark import FILE, RestoreMark


def control_data(programs: str, folder: Path) -> ControlData | None:
    """What pg_controldata says; None where there is no data. Raises RemoteError."""
    if not (folder / "global" / "pg_control").is_file():
        return None
    try:
        return ControlData.from_text(run([f"{programs}/pg_controldata", "--pgdata", str(folder)]))
    except (CommandError, OSError, ValueError) as error:
        raise RemoteError(f"reading the control file in {folder}: {error}", reason=str(error)) from error


def read_mark(folder: Path, stamp: str = "") -> RestoreMark | None:
    """The mark in a data directory, if it has a legible one; with *stamp*, that of this restore alone.

    Data that was restored once keeps its mark, and so do all backups of it.
    """
    try:
        mark = RestoreMark.from_text((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return mark if stamp in ("", mark.stamp) else None


def write_mark(folder: Path, mark: RestoreMark) -> None:
    """Put the mark there in one step, for the directory's owner. Raises MatriarchError."""
    try:
        replace_file(folder / FILE, mark.to_text(), owner=folder.stat(), mode=0o600, durable=True)
    except OSError as error:
        raise MatriarchError(f"{folder / FILE} could not be written: {error.strerror or error}") from error


def make_owned(folder: Path, owner: str) -> None:
    """An empty directory for its owner alone, which may exist. Raises MatriarchError."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        shutil.chown(folder, owner, owner)
        folder.chmod(0o700)
    except (OSError, LookupError) as error:
        raise MatriarchError(f"{folder} could not be made for {owner}: {error}") from error


RECOVERY = re.compile(r"\s*(recovery_target\w*|restore_command|recovery_end_command|archive_cleanup_command)\s*=?")


def put_signal(folder: Path) -> None:
    """Have PostgreSQL recover from the archive when it starts, and not as a standby. Raises MatriarchError."""
    signal = folder / "recovery.signal"
    try:
        (folder / "standby.signal").unlink(missing_ok=True)
        replace_file(signal, "", owner=folder.stat(), mode=0o600, durable=True)
    except OSError as error:
        raise MatriarchError(f"{signal} could not be written: {error.strerror or error}") from error


def forget_recovery(folder: Path) -> None:
    """Take what an engine wrote for one recovery out of the configuration: it would hold for later ones."""
    path = folder / "postgresql.auto.conf"
    try:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if not RECOVERY.match(line)]
        if kept != lines:
            found = path.stat()
            replace_file(path, "".join(kept), owner=found, mode=found.st_mode & 0o7777, durable=True)
    except FileNotFoundError:
        return
    except OSError as error:
        raise MatriarchError(f"{path} could not be written: {error.strerror or error}") from error


def is_running(folder: Path) -> bool:
    """Whether a server runs on it: the process in the first line of postmaster.pid works in that directory."""
    try:
        process = int((folder / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])
        return Path(f"/proc/{process}/cwd").resolve() == folder.resolve()
    except (OSError, ValueError, IndexError):
        return False


def has_tablespaces(folder: Path) -> bool:
    """Whether something of the data lies outside of it."""
    place = folder / "pg_tblspc"
    return place.is_dir() and any(place.iterdir())


def occupied(folder: Path) -> int:
    """Bytes that the files below it take up on their disk. Those that go meanwhile count nothing."""
    found = 0
    for parent, _folders, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                found += Path(parent, name).lstat().st_blocks * 512
    return found


def tail(log: Path) -> str:
    """The last lines of what a program said."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError as error:
        return f"(its log cannot be read: {error.strerror})"
    return " / ".join(line.strip() for line in lines[-3:]) or "(it said nothing)"
