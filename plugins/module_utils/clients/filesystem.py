# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file system of this host, one operation per function. Nothing is decided here."""

from __future__ import annotations

import grp
import os
import pwd
import shlex
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.command import complete
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.file_set import (
    Accounts,
    Attributes,
    Change,
    Entry,
    Found,
)

T = TypeVar("T")

VALIDATION = 30.0
"""Seconds. HAProxy resolves names while it checks its configuration, which is the slowest known validation."""


def accounts() -> Accounts:
    """The users and groups that this host knows. A name made of digits is taken for the number itself."""
    return Accounts(
        uid=lambda name: int(name) if name.isdecimal() else _or_none(lambda: pwd.getpwnam(name).pw_uid),
        gid=lambda name: int(name) if name.isdecimal() else _or_none(lambda: grp.getgrnam(name).gr_gid),
        user=lambda uid: _or_none(lambda: pwd.getpwuid(uid).pw_name),
        group=lambda gid: _or_none(lambda: grp.getgrgid(gid).gr_name),
    )


def _or_none(look_up: Callable[[], T]) -> T | None:
    try:
        return look_up()
    except KeyError:
        return None


def find(entry: Entry) -> Found:
    """What lies at the entry's path now. A directory may be reached through a link; a file or link is looked at itself.

    :raises OSError: when it cannot be read.
    """
    path = Path(entry.path)
    parent = path.parent.is_dir()
    try:
        status = path.stat(follow_symlinks=entry.kind == "directory")
    except (FileNotFoundError, NotADirectoryError):
        # A link that leads nowhere is nothing to stat(2), but it is in the way of a directory.
        return Found("link" if path.is_symlink() else "nothing", parent=parent)
    kind, content, target, empty = "other", b"", "", True
    if stat.S_ISLNK(status.st_mode):
        kind, target = "link", str(path.readlink())
    elif stat.S_ISDIR(status.st_mode):
        kind, empty = "directory", not any(path.iterdir())
    elif stat.S_ISREG(status.st_mode):
        kind, content = "file", path.read_bytes() if entry.kind == "file" else b""
    mode = stat.S_IMODE(status.st_mode)
    return Found(kind, content, target, status.st_uid, status.st_gid, mode, empty, parent)


def objection(entry: Entry) -> str | None:
    """What the entry's own command says against its content; None when it accepts it.

    The command sees the content in a private directory under the file's own name, for programs that go by the suffix.

    :raises CommandError: when it does not end within 30 s.
    :raises FileNotFoundError: when this host has no such command.
    """
    with tempfile.TemporaryDirectory(prefix="matriarch-") as directory:
        candidate = Path(directory, Path(entry.path).name)
        candidate.touch(mode=0o600)
        candidate.write_bytes(entry.content)
        argv = [word.replace("%s", str(candidate)) for word in shlex.split(entry.validate or "")]
        done = complete(argv, seconds=VALIDATION)
    if done.returncode == 0:
        return None
    said = "its output is withheld, because the file is secret" if entry.secret else (done.stdout + done.stderr).strip()
    return f"{entry.path}: {entry.validate!r} refused the new content with exit code {done.returncode}: {said}"


def apply(change: Change) -> None:
    """Make one path as it shall be.

    :raises MatriarchError: naming the path and what the system said.
    """
    entry, path = change.entry, Path(change.entry.path)
    try:
        if entry.kind == "absent":
            path.rmdir() if change.before.kind == "directory" else path.unlink()
        elif entry.kind == "link":
            _link(path, entry.target)
        elif entry.kind == "file" and change.replaces:
            _write(path, entry.content, change.attributes)
        else:
            if change.replaces:
                # A directory that several hosts mount may have been made by another one since it was looked for.
                path.mkdir(mode=0o755, parents=True, exist_ok=True)
            _own(entry.path, change.attributes)
    except OSError as error:
        raise MatriarchError(
            f"{path} could not be made what it shall be ({entry.kind}): {error.strerror or error}; "
            "what comes before it in the set is done, so run the task again once the cause is gone",
            path=entry.path,
        ) from error


def _link(path: Path, target: str) -> None:
    """A link cannot be changed, only replaced: make it beside and rename it over the old one."""
    with tempfile.TemporaryDirectory(prefix=".matriarch-", dir=path.parent) as directory:
        made = Path(directory, "link")
        made.symlink_to(target)
        made.replace(path)


def _write(path: Path, content: bytes, attributes: Attributes) -> None:
    """Replace a file in one step; at no moment can others read more of it than they shall.

    (AnsibleModule.atomic_move gives a new file mode 0644 until somebody tightens it.)
    """
    descriptor, beside = tempfile.mkstemp(prefix=".matriarch-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            _own(file.fileno(), attributes)
            os.fsync(file.fileno())
        Path(beside).replace(path)
    except BaseException:
        Path(beside).unlink()
        raise


def _own(where: str | int, attributes: Attributes) -> None:
    """Owner before mode, because chown(2) clears the set-user-ID bits."""
    status = os.stat(where)  # noqa: PTH116 - a file descriptor too
    uid = status.st_uid if attributes.uid is None else attributes.uid
    gid = status.st_gid if attributes.gid is None else attributes.gid
    if (uid, gid) != (status.st_uid, status.st_gid):
        os.chown(where, uid, gid)
    if attributes.mode is not None:
        os.chmod(where, attributes.mode)  # noqa: PTH101 - a file descriptor too
