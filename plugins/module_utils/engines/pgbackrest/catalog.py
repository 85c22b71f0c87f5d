# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What pgBackRest tells of its repositories: `info` for the backups, `repo-ls` for WAL, `repo-get` for histories."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.engine import Argv, Call
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model import lsn
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup import (
    DIFFERENTIAL,
    FULL,
    INCREMENTAL,
    Archived,
    Backup,
    Catalog,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_settings import Settings
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.wal import FILE, Fork, Segment, parse_history

KINDS = {"full": FULL, "diff": DIFFERENTIAL, "incr": INCREMENTAL}
SEGMENT = re.compile(r"/([0-9A-F]{24})-[0-9a-f]{40}(?:\.\w+)?$")
HISTORY = re.compile(r"([0-9A-F]{8})\.history$")
NOTHING_YET = (1, 2)
"""Codes of a repository without a stanza, and of a stanza without a backup."""

QUIET = ("--log-level-console=off", "--log-level-stderr=error")
LOOK = (*QUIET, "--io-timeout=5")
"""Nine attempts, so that a storage that swallows every packet is known within a minute: by default it takes nine."""

BAD = re.compile(r"missing: (\d+), checksum invalid: (\d+), size invalid: (\d+), other: (\d+)")


def read(settings: Settings, call: Call, stanza: Argv) -> Catalog:
    """Everything that is in all repositories. Raises MatriarchError when none of them can be read."""
    told = json.loads(call([*stanza, *LOOK, "--output=json", "info"]), strict=False)  # its messages have line breaks
    told = told[0] if told else {}
    problems = dict(_problems(told))
    if problems and len(problems) == len(settings.repositories):
        raise MatriarchError("; ".join(problems.values()))
    # The last one of a repository is the one that it is for now: a major upgrade adds one.
    systems = {each["repo-key"]: str(each["system-id"]) for each in told.get("db", ())}
    segments: list[Archived] = []
    histories: dict[int, tuple[Fork, ...]] = {}
    for number in range(1, len(settings.repositories) + 1):
        if number in problems or number not in systems:
            continue
        names = _listed(call, stanza, number)
        segments += _segments(names, number)
        for name in names:
            found = HISTORY.search(name)
            if found and int(found[1], 16) not in histories:
                path = f"archive/{settings.cluster}/{name}"
                text = call([*stanza, *LOOK, f"--repo={number}", "repo-get", path])
                histories[int(found[1], 16)] = parse_history(text)
    return Catalog(
        backups=tuple(sorted((_backup(each) for each in told.get("backup", ())), key=lambda b: (b.stopped, b.label))),
        segments=tuple(sorted(segments, key=lambda each: (each.repository, each.segment))),
        histories=histories,
        systems=systems,
        problems=problems,
    )


def verify(settings: Settings, call: Call, stanza: Argv) -> list[str]:
    """What pgBackRest's own `verify` finds: it reads every object and compares its checksum."""
    found = []
    for number, repository in enumerate(settings.repositories, 1):
        try:
            text = call([*stanza, *QUIET, f"--repo={number}", "--output=text", "--verbose", "verify"])
            found += [f"{repository.label}: {problem}" for problem in verdict(text)]
        except MatriarchError as error:
            # What cannot be decrypted ends it, without a word of which object that was.
            found.append(f"{repository.label}: {error}")
    return found


def verdict(text: str) -> Iterator[str]:
    """The problems in what `verify` prints, each with whom it concerns."""
    subject, said = "repository", False
    for line in map(str.strip, text.splitlines()):
        if line.startswith(("archiveId:", "backup:")):
            subject = line.partition(",")[0].replace("archiveId:", "WAL of").replace("backup:", "backup")
            said = "status:" in line and "status: valid" not in line
            if said:
                yield f"{subject} is {line.partition('status: ')[2].partition(',')[0]}"
        numbers = BAD.search(line)
        if numbers and any(int(number) for number in numbers.groups()):
            yield f"{subject}: {numbers[0]}"
        if line.startswith("status: error") or "ERROR" in line:
            yield line


def _problems(told: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    for each in told.get("repo", ()):
        if each["status"]["code"] not in (0, *NOTHING_YET):
            yield each["key"], f"repository {each['key']}: {each['status']['message']}"


def _backup(told: Mapping[str, Any]) -> Backup:
    first = Segment.parse(told["archive"]["start"])
    return Backup(
        label=told["label"],
        kind=KINDS[told["type"]],
        repository=told["database"]["repo-key"],
        started=datetime.fromtimestamp(told["timestamp"]["start"], UTC),
        stopped=datetime.fromtimestamp(told["timestamp"]["stop"], UTC),
        timeline=first.timeline,
        start_lsn=lsn.parse(told["lsn"]["start"]),
        stop_lsn=lsn.parse(told["lsn"]["stop"]),
        size=told["info"]["size"],
        stored=told["info"]["repository"].get("delta", 0),
        required=tuple(told["reference"] or ()),
        faulty=bool(told["error"]),
    )


def _listed(call: Call, stanza: Argv, number: int) -> dict[str, Any]:
    path = f"archive/{stanza[1].partition('=')[2]}"
    told: dict[str, Any] = json.loads(
        call([stanza[0], *stanza[2:], *LOOK, f"--repo={number}", "--output=json", "--recurse", "repo-ls", path])
    )
    return told


def _segments(names: Mapping[str, Any], number: int) -> Iterator[Archived]:
    for name, told in names.items():
        found = SEGMENT.search(name)
        if found and FILE.match(found[1]):
            yield Archived(Segment.parse(found[1]), number, datetime.fromtimestamp(told["time"], UTC))
