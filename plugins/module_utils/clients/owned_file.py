# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that root writes for somebody else, into a directory that is theirs.

Whoever owns a directory can put a symbolic link there at any moment. So nothing is opened by a name that they could
know, and owner and mode are set on what was opened.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path


def replace_file(path: Path, text: str, *, owner: os.stat_result, mode: int, durable: bool = False) -> None:
    """Put *text* there in one step, for the user and group of *owner*. A link in its place is replaced, not followed.

    *durable* returns only when it is safe on disk. Raises OSError, and leaves the old file.
    """
    descriptor, beside = tempfile.mkstemp(prefix=".matriarch-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            os.fchmod(file.fileno(), mode)
            file.write(text)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        Path(beside).replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            Path(beside).unlink()
        raise
