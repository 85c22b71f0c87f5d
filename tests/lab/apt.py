# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What this machine's apt knows about reaching Debian's archive: hosts use the same ways."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass

from .errors import LabError
from .shell import run

SUITES = ("bookworm", "trixie", "forky")
WITHOUT_UPDATES = ("forky",)  # the testing suite: its own main archive is all there is


@dataclass(frozen=True)
class Archive:
    main: str
    security: str | None


@dataclass(frozen=True)
class Target:
    """One line of `apt-get indextargets`; the origin is empty until `apt-get update` ran."""

    uri: str
    release: str
    component: str
    origin: str


def parse_targets(text: str) -> list[Target]:
    return [Target(*line.split("|")) for line in text.splitlines()]


def choose_archive(targets: Iterable[Target]) -> Archive | None:
    """Debian's own archives among all that this machine uses."""
    ours = [t for t in targets if t.component == "main" and t.origin in ("Debian", "")]
    ours.sort(key=lambda target: target.origin == "")
    security = next((t.uri for t in ours if t.release.endswith("-security")), None)
    updates = {t.release.removesuffix("-updates") for t in ours if t.release.endswith("-updates")}
    main = next((t.uri for t in ours if t.release in updates), None)
    main = main or next((t.uri for t in ours if t.origin and "-" not in t.release), None)
    return Archive(main, security) if main else None


def this_machines_archive() -> Archive:
    """MATRIARCH_LAB_ARCHIVE ("MAIN_URI [SECURITY_URI]") or what apt here is set to."""
    if given := os.environ.get("MATRIARCH_LAB_ARCHIVE", "").split():
        return Archive(given[0], given[1] if given[1:] else None)
    columns = "$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(ORIGIN)"
    text = run("apt-get", "indextargets", "--format", columns, "Created-By: Packages")
    found = choose_archive(parse_targets(text))
    if not found:
        raise LabError(
            "apt-get indextargets on this machine names no Debian archive; run `apt-get update`, "
            'or set MATRIARCH_LAB_ARCHIVE="MAIN_URI SECURITY_URI"'
        )
    return found


def sources(suite: str, archive: Archive) -> list[str]:
    """The lines of a host's sources.list."""
    lines = [f"deb {archive.main} {suite} main"]
    if suite in WITHOUT_UPDATES:
        return lines
    lines += [f"deb {archive.main} {suite}-updates main", f"deb {archive.main} {suite}-backports main"]
    if archive.security:
        lines.append(f"deb {archive.security} {suite}-security main")
    return lines


def choose_leniencies(dump: str) -> list[str]:
    """The archive may be frozen or behind a proxy: what apt here overlooks for it, apt there must too."""
    wanted = re.compile(r'Acquire::(Check-Valid-Until|Check-Date|https?)\b.* ".+";')
    return [line for line in dump.splitlines() if wanted.fullmatch(line)]


def this_machines_leniencies() -> list[str]:
    return choose_leniencies(run("apt-config", "dump"))
