# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host notes of the fault that is in: gone with its next boot, as the fault is."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Note:
    """The fault, and the command that undoes it with the exit codes that say so; none where the host mends itself."""

    fault: str
    heal: tuple[str, ...]
    healed: tuple[int, ...]

    def write(self, path: Path) -> None:
        path.parent.mkdir(mode=0o755, exist_ok=True)
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Note | None:
        """None where no fault was put in since the host has booted."""
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return cls(told["fault"], tuple(told["heal"]), tuple(told["healed"]))
