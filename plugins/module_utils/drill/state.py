# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one member knows of its own drills: a small file beside that of its backups."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup.state import FOLDER

STATE_FILE = f"{FOLDER}/drill.json"


@dataclass(frozen=True)
class DrillState:
    """Moments are in UTC, ISO 8601, empty where there was none.

    `running_since`: of a drill that has not ended, or was killed. `failed_at`, `failure`: of the last one, where that
    came to no verdict. `rests_until`: this member makes none by itself before. `due_since`: since when it has known
    that one is due.
    """

    running_since: str = ""
    failed_at: str = ""
    failure: str = ""
    rests_until: str = ""
    due_since: str = ""

    @classmethod
    def read(cls, path: str = STATE_FILE) -> DrillState:
        """The file's content; an empty state where there is none, or it holds something else."""
        with suppress(OSError, ValueError, TypeError):
            told = json.loads(Path(path).read_text(encoding="utf-8"))
            return cls(**{name: str(told[name]) for name in asdict(cls()) if name in told})
        return cls()

    def write(self, path: str = STATE_FILE) -> None:
        """Replace the file at once."""
        new = Path(f"{path}.new")
        new.write_text(json.dumps(asdict(self), indent=1, sort_keys=True) + "\n", encoding="utf-8")
        new.replace(path)
