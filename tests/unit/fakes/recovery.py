# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A private PostgreSQL that recovers: its unit, its log, its control file and its answers, as scripted.

`script` is what happens at each look: lines of the log, and how it stands (None while it does not answer).
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.private_instance import Standing
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.transient_unit import State
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import RemoteError

CONTROL = """Database system identifier:           7
Database cluster state:               {state}
Latest checkpoint's TimeLineID:       {timeline}
Bytes per WAL segment:                16777216
wal_level setting:                    replica
wal_log_hints setting:                on
max_connections setting:              100
max_worker_processes setting:         8
max_wal_senders setting:              10
max_prepared_xacts setting:           0
max_locks_per_xact setting:           64
track_commit_timestamp setting:       off
"""
AT_TARGET = Standing(True, True, "0/5000060", "2026-12-01T01:59:58.000000+00:00", None)
ON_THE_WAY = Standing(True, False, "0/4000060", "", None)
PRIMARY = Standing(False, False, "0/5000060", "2026-12-01T01:59:58.000000+00:00", 4)


@dataclass
class Scene:
    """One look at the server: what its log has got meanwhile, how it stands, and whether it still runs."""

    log: str = ""
    standing: Standing | None = None
    runs: bool = True


@dataclass
class FakeRecovery:
    """Stands in for the module transient_unit and the class PrivateInstance."""

    folder: Path
    log: Path
    script: list[Scene] = field(default_factory=list)
    timeline: int = 4
    runs: bool = False
    standing: Standing | None = None
    commands: list[list[str]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    promotes: bool = True
    state_when_stopped: str = "shut down"

    @property
    def programs(self) -> str:
        """A folder with a pg_controldata that prints what this says."""
        place = self.folder.parent / "bin"
        if not place.exists():
            place.mkdir()
            (place / "control").write_text(CONTROL.format(state="in archive recovery", timeline=3), encoding="utf-8")
            (place / "pg_controldata").write_text(f"#!/bin/sh\ncat {place}/control\n", encoding="utf-8")
            (place / "pg_controldata").chmod(0o755)
        return str(place)

    def control(self, state: str, timeline: int) -> None:
        """What the control file says from now on."""
        (Path(self.programs) / "control").write_text(CONTROL.format(state=state, timeline=timeline), encoding="utf-8")

    def state(self, _unit: str) -> State:
        """As transient_unit.state; each look is one scene."""
        if self.runs and self.script:
            scene = self.script.pop(0)
            self.runs, self.standing = scene.runs, scene.standing
            with self.log.open("a", encoding="utf-8") as log:
                log.write(scene.log)
        return State(self.runs)

    def start(self, work: Any) -> None:
        """As transient_unit.start."""
        assert not self.runs
        self.commands.append(work.command)
        self.log.write_text("", encoding="utf-8")
        self.runs = True

    def stop(self, _unit: str) -> None:
        """As transient_unit.stop."""
        if self.runs and self.standing and not self.standing.in_recovery:
            self.control(self.state_when_stopped, self.timeline)
        self.runs, self.standing = False, None

    @contextlib.contextmanager
    def instance(self, _run: Path, _port: int) -> Any:
        """As PrivateInstance(run, port)."""
        if not self.runs or self.standing is None:
            raise RemoteError("connecting: the database system is starting up")
        yield _Connection(self)

    def parameters(self, number: int = -1) -> dict[str, str]:
        """With which parameters it was started."""
        words = self.commands[number]
        return dict(word.split("=", 1) for word in words[words.index("-c") + 1 :: 2])


@dataclass
class _Connection:
    world: FakeRecovery

    def standing(self) -> Standing:
        assert self.world.standing is not None
        return self.world.standing

    def promote(self, _seconds: float) -> bool:
        self.world.asked.append("promote")
        if self.world.promotes:
            self.world.standing = PRIMARY
            (self.world.folder / "recovery.signal").unlink(missing_ok=True)
        return self.world.promotes

    def checkpoint(self) -> None:
        self.world.asked.append("checkpoint")
