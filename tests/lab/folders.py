# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the lab keeps its things: hosts and keys in the state folder, images and packages in the cache."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Folders:
    state: Path
    cache: Path

    @classmethod
    def from_environment(cls, given: Mapping[str, str] | None = None) -> Folders:
        env = os.environ if given is None else given
        return cls(
            state=Path(env.get("MATRIARCH_LAB_DIR") or "/var/lib/matriarch-lab"),
            cache=Path(env.get("MATRIARCH_LAB_CACHE") or "/var/cache/matriarch-lab"),
        )


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder against other lab processes and threads; the kernel releases it if this one dies."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / ".lock").open("w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not _is_at(folder / ".lock", lock.fileno()):  # the folder was purged while we waited
                continue
            yield
            return


def _is_at(path: Path, descriptor: int) -> bool:
    return path.exists() and os.path.samestat(path.stat(), os.fstat(descriptor))
