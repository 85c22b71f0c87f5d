# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a drill meets: an engine, a recovery, canaries, and checks; each says what it is told to."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup import command
from ansible_collections.matriarch.pgcluster.plugins.module_utils.drill import checks, planning, trying
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup import Catalog
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.canary import Canary
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.wal import SEGMENT_BYTES
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.backups import NOON, SYSTEM, backup, catalog, wal


def canaries(*numbers: int) -> tuple[Canary, ...]:
    """Rows of the last minutes, one in each segment of WAL."""
    now = datetime.now(UTC)
    last = max(numbers, default=0)
    return tuple(Canary(n, now - timedelta(minutes=last - n), n * SEGMENT_BYTES) for n in numbers)


@dataclass
class FakeDrill:
    """`written` are the serving member's canaries, `found` those in the restored data."""

    held: Catalog = field(default_factory=lambda: catalog([backup("F1", NOON)], wal(1, range(4, 9))))
    written: tuple[Canary, ...] = field(default_factory=lambda: canaries(5, 6, 7, 8, 9))
    found: tuple[Canary, ...] | None = None
    fetching: Exception | None = None
    replaying: Exception | None = None
    corrupt: list[str] = field(default_factory=list)
    pages: list[str] = field(default_factory=list)
    has_checksums: bool = True
    log: str = ""
    did: list[str] = field(default_factory=list)

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Put this into the place of everything."""
        patch.setattr(planning, "engine", lambda _name: self)
        patch.setattr(trying, "engine", lambda _name: self)
        patch.setattr(planning, "system_identifier", lambda _settings: SYSTEM)
        patch.setattr(planning, "Canaries", self._written)
        patch.setattr(trying, "Canaries", self._found)
        patch.setattr(trying, "Recovering", self._recovering)
        patch.setattr(command, "work", self._work)
        patch.setattr(checks, "tables_and_indexes", lambda *_told: self._say("amcheck", self.corrupt))
        patch.setattr(checks, "checksums", lambda *_told: (self._say("checksums", self.pages), self.has_checksums))

    def catalog(self, _settings: Any, _call: Any) -> Catalog:
        """As an engine's."""
        return self.held

    def fetch(self, settings: Any, spool: str = "", repository: int = 0) -> str:
        """As an engine's."""
        return f"get --path={settings.data_directory} --spool={spool} --repo={repository}"

    def restore(self, _settings: Any, wish: Any) -> list[str]:
        """As an engine's."""
        return ["restore", wish.label, wish.data_directory]

    def _say(self, name: str, answer: list[str]) -> list[str]:
        self.did.append(name)
        return answer

    def _work(self, argv: list[str], _given_up: Any) -> str:
        self.did.append(argv[0])
        if self.fetching:
            raise self.fetching
        (Path(argv[2]) / "PG_VERSION").touch()
        return ""

    def _recovering(self, setup: Any, target: Any, _owner: str, _unit: str, log: str, *_told: Any) -> Any:
        assert setup.data.joinpath("PG_VERSION").exists()

        def recover(_seconds: float) -> None:
            self.did.append(f"recover to {target.told}")
            if self.log:
                Path(log).write_text(self.log, encoding="utf-8")
            if self.replaying:
                raise self.replaying

        evidence = {"replayed": "0/9000000", "last_commit": "2026-11-20T12:00:00.000000+00:00"}
        return SimpleNamespace(recover=recover, mark=SimpleNamespace(evidence=evidence))

    @contextlib.contextmanager
    def _written(self, _socket: str, _port: int) -> Iterator[Any]:
        yield SimpleNamespace(read=lambda: self.written)

    @contextlib.contextmanager
    def _found(self, _socket: str, _port: int) -> Iterator[Any]:
        yield SimpleNamespace(read=lambda: self.written if self.found is None else self.found)
