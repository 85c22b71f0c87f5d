# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file system of a host, and how much of it is left. Immutable; parsed once, here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Volume:
    """What lies where on one file system: `holds` are paths by what they are for (data, wal ...).

    Free bytes are those for ordinary users. A file system without a fixed number of files has 0 files in total.
    """

    holds: Mapping[str, str]
    free_bytes: int
    total_bytes: int
    free_files: int
    total_files: int
    read_only: bool

    @classmethod
    def parse(cls, told: Mapping[str, Any]) -> Volume:
        """From host_status."""
        return cls(**{name: told[name] for name in cls.__dataclass_fields__})

    @property
    def name(self) -> str:
        """For a sentence: "the file system of /var/lib/postgresql/17/main (data, wal)"."""
        return f"the file system of {self.path} ({', '.join(self.holds)})"

    @property
    def path(self) -> str:
        """One of those that lie there."""
        return next(iter(self.holds.values()))

    @property
    def free_percent(self) -> float:
        """Of its bytes."""
        return 100 * self.free_bytes / max(1, self.total_bytes)

    @property
    def free_files_percent(self) -> float:
        """Of the files that it can have; all, where there is no end of them."""
        return 100 * self.free_files / self.total_files if self.total_files else 100.0
