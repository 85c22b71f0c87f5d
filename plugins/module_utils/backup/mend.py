# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""WAL that its own leader did not archive any more, is archived by whoever has it.

PostgreSQL archives only while it leads. A leader that stops leaves its last segments marked `.ready`, and nobody would
archive them while it is a standby. A standby marks all that it receives `.done`, whether or not the leader came to
archive it, so that after the loss of a leader's host its last segments would be missing for ever.
Archiving a segment twice is harmless: the engine compares.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup.state import Mended
from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.engine import Argv
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError

SEGMENT = re.compile(r"^[0-9A-F]{24}$")
HISTORY = re.compile(r"^([0-9A-F]{8})\.history$")
Push = Callable[[Argv], object]


def mend(wal: Path, push: Argv, run: Push, before: Mended) -> Mended:
    """Archive what a member has that no archiver archives; how that stands afterwards."""
    if (wal.parent / "standby.signal").exists():
        return Mended(before.timeline, left_behind(wal, push, run))
    timeline = newest_timeline(wal)
    if timeline <= before.timeline:
        return before
    problem = inherited(wal, push, run, timeline)
    return Mended(before.timeline if problem else timeline, problem)


def left_behind(wal: Path, push: Argv, run: Push) -> str:
    """Archive what a former leader left `.ready`, in order; the first problem, empty where there is none."""
    for ready in sorted((wal / "archive_status").glob("*.ready")):
        if problem := _push(wal / ready.stem, push, run):
            return problem
        ready.rename(ready.with_suffix(".done"))
    return ""


def inherited(wal: Path, push: Argv, run: Push, timeline: int) -> str:
    """Archive the segments of former timelines that a new leader still has; the first problem."""
    for path in sorted(wal.iterdir()):
        is_older = SEGMENT.match(path.name) and int(path.name[:8], 16) < timeline
        if is_older and (problem := _push(path, push, run)):
            return problem
    return ""


def newest_timeline(wal: Path) -> int:
    """The newest timeline that a history file names; 1 where there is none."""
    found = (HISTORY.match(path.name) for path in wal.iterdir())
    return max((int(each[1], 16) for each in found if each), default=1)


def _push(path: Path, push: Argv, run: Push) -> str:
    if not path.exists():
        return ""
    try:
        run([*push, str(path)])
    except MatriarchError as error:
        return f"{path.name}: {error}"
    return ""
