# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a backup engine has to offer. Everything that knows one of them lies in its own folder beside this file.

An engine says what lies on a member's host and which commands do what; it runs nothing itself. Its commands are run as
*postgres*, on a member.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup import Backup, Catalog
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_settings import Settings

Argv = list[str]
Call = Callable[[Argv], str]
"""Runs a command that only reads, and returns what it prints. Raises MatriarchError with the command's words."""


@dataclass(frozen=True)
class Secrets:
    """What no output may show: the passphrase, and for each repository its access key and its secret key."""

    passphrase: str = field(default="", repr=False)
    keys: tuple[tuple[str, str], ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Program:
    """A program of ours that an engine's commands run: `main` of the file `source`, which lies below module_utils.

    It goes to the hosts with all that it imports of this collection: `launcher` is the command, `folder` its library.
    """

    source: str
    launcher: str
    folder: str


@dataclass(frozen=True)
class HostFiles:
    """What an engine needs on a member's host, as the module config_files takes it.

    `server` is the command of a service that must run there, empty for none.
    """

    directories: list[dict[str, str]] = field(default_factory=list)
    files: list[dict[str, str]] = field(default_factory=list)
    secret_contents: dict[str, str] = field(default_factory=dict)
    server: Argv = field(default_factory=list)
    program: Program | None = None


@dataclass(frozen=True)
class RestoreWish:
    """What is to be restored, and where to.

    `target_type`: time, xid, lsn, name, immediate or latest; `target` is its value, a time with its zone. `label` is
    the backup to begin with. `timeline`: a number, `latest` or `current`. `action` at the target: pause, promote or
    shutdown. `delta`: files that are in the directory already are kept where they are the same.
    """

    data_directory: str
    target_type: str
    target: str = ""
    label: str = ""
    repository: int = 0
    timeline: str = "latest"
    inclusive: bool = True
    action: str = "pause"
    delta: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)


class Engine(Protocol):
    """One program that makes backups. Every method that returns words returns a command."""

    name: str
    kinds: tuple[str, ...]
    """The kinds of backups that it can make."""

    encrypts: bool
    """Whether it encrypts by itself, with a passphrase, before anything leaves the host. Else the storage may do it."""

    def refusal(self, settings: Settings) -> str:
        """Why it cannot do what is declared, and what to do instead; empty where it can."""

    def packages(self) -> tuple[str, ...]:
        """The Debian packages that it needs."""

    def host_files(self, settings: Settings, secrets: Secrets) -> HostFiles:
        """What lies and runs on a member's host."""

    def check(self, settings: Settings) -> Argv:
        """See that the storages do what is declared of them and only they can do; empty where there is nothing."""

    def prepare(self, settings: Settings) -> Argv:
        """Make the repositories ready; done again it changes nothing. Fails when they are another cluster's."""

    def push(self, settings: Settings) -> Argv:
        """Keep a segment of WAL, whose path is added as the last word."""

    def push_at_once(self, settings: Settings) -> Argv:
        """The same for WAL that no archiver waits for: it ends when the segment is kept, be it anew or since long."""

    def fetch(self, settings: Settings, spool: str = "", repository: int = 0) -> str:
        """PostgreSQL's restore_command in the settings' data directory; it ends with 1 where no such file is kept.

        `spool`: a directory for what is fetched ahead, where another PostgreSQL of this host fetches at the same time.
        `repository`: the only one that is asked; 0 for the first that has the file.
        """

    def take(self, settings: Settings, kind: str, leader: str, repository: int) -> Argv:
        """Make a backup; `leader` names the member that leads, which may be the own one."""

    def expire(self, settings: Settings, repository: int, gone: Sequence[Backup]) -> Argv:
        """Remove what the policy no longer keeps, which `take` must not do. `gone` are these backups, oldest first.

        The settings' `keep_days` are those by which they were chosen.
        """

    def catalog(self, settings: Settings, call: Call) -> Catalog:
        """What the repositories hold. Raises MatriarchError where not one of them can be read."""

    def verify(self, settings: Settings, call: Call) -> list[str]:
        """Read everything and compare checksums: what is wrong, a sentence each. Raises as `catalog`."""

    def restore(self, settings: Settings, wish: RestoreWish) -> Argv:
        """Restore into a directory, and leave there what PostgreSQL needs to recover up to the target."""
