# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts' own program around Barman's tools: `matriarch-barman --settings=FILE VERB`, as *postgres*.

It ends with 0, with 1 where `fetch` finds no such WAL, and with 2 for everything else, said on standard error.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup.instance import system_identifier
from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.barman_cloud import (
    base,
    configuration,
    layout,
    tools,
    wal,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.barman_cloud.ahead import Ahead
from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.barman_cloud.bucket import Bucket
from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.barman_cloud.verify import problems
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError, Refused
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_settings import Settings

FAILED = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the verb says; the exit code."""
    options = parser().parse_args(arguments)
    logging.basicConfig(level=logging.ERROR, handlers=[logging.NullHandler()])  # Barman's words are told in our errors
    try:
        settings = Settings.read(options.settings)
        os.environ.update(configuration.environment(settings))  # by which Barman and we find keys and authorities
        return _VERBS[options.verb](settings, options) or 0
    except MatriarchError as error:
        sys.stderr.write(f"ERROR: {error}\n")
        return FAILED


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="matriarch-barman", description="Barman's cloud tools for this cluster.")
    top.add_argument("--settings", required=True)
    verbs = top.add_subparsers(dest="verb", required=True)
    verbs.add_parser("check", help="see that every storage encrypts")
    verbs.add_parser("prepare", help="note whose the repositories are")
    verbs.add_parser("list", help="tell what there is, as JSON")
    verbs.add_parser("verify", help="read everything; what is bad, as JSON")
    pushed = verbs.add_parser("push", help="archive a file of WAL, and those that wait behind it")
    pushed.add_argument("path", type=Path)
    fetched = verbs.add_parser("fetch", help="bring a file of WAL")
    fetched.add_argument("name")
    fetched.add_argument("path")
    taken = verbs.add_parser("take", help="make a base backup")
    taken.add_argument("--leader", default="")
    gone = verbs.add_parser("expire", help="remove base backups, and WAL that no other one needs")
    gone.add_argument("labels", nargs="+")
    restored = verbs.add_parser("restore", help="restore a base backup into an empty directory")
    restored.add_argument("--label", required=True)
    restored.add_argument("--directory", type=Path, required=True)
    restored.add_argument("--parameter", action="append", default=[])
    fetched.add_argument("--repository", type=int, default=0, help="the only one that is asked")
    for verb in (taken, gone, restored):
        verb.add_argument("--repository", type=int, default=1)
    return top


def _check(settings: Settings, _options: argparse.Namespace) -> None:
    """The storage is asked for an encrypted object, and then how that one lies there."""
    wanted = str(settings.engine_options.get("encryption", tools.AES))
    key = settings.engine_options.get("sse-kms-key-id")
    how = {"ServerSideEncryption": wanted, **({"SSEKMSKeyId": str(key)} if key else {})}
    for number in _numbers(settings):
        bucket = Bucket(settings, number)
        try:
            bucket.write(layout.PROBE, b"Shows whether the storage encrypts.\n", **how)
            problem = "" if bucket.encryption(layout.PROBE) == wanted else "it took an object and did not encrypt it"
        except MatriarchError as error:
            problem = str(error)
        if problem:
            advice = (
                "have the storage encrypt, take backup_engine: pgbackrest, which encrypts before anything leaves the "
                "host, or say backup_encryption: false, and everybody who reads the bucket reads the databases"
            )
            raise Refused(f"{bucket.label} does not encrypt ({wanted}): {problem}. Next: {advice}")


def _prepare(settings: Settings, _options: argparse.Namespace) -> None:
    owner = json.dumps({"cluster": settings.cluster, "system_identifier": system_identifier(settings)})
    for number in _numbers(settings):
        bucket = Bucket(settings, number)
        if not bucket.holds(layout.OWNER):
            bucket.write(layout.OWNER, owner.encode())


def _list(settings: Settings, _options: argparse.Namespace) -> None:
    _say({number: _told(settings, number) for number in _numbers(settings)})


def _told(settings: Settings, number: int) -> dict[str, Any]:
    try:
        bucket = Bucket(settings, number)
        objects = list(bucket.objects())
        texts = {each.key: text for each in objects if (text := _text(bucket, each.key)) is not None}
    except MatriarchError as error:
        return {"problem": str(error), "objects": [], "texts": {}}
    return {"problem": "", "objects": [[each.key, each.size, each.at] for each in objects], "texts": texts}


def _text(bucket: Bucket, key: str) -> str | None:
    """What an object says, if it is one of those that say something."""
    name = key.rpartition("/")[2]
    if layout.HISTORY.match(name):
        return wal.plain(bucket, key).decode()
    return bucket.read(key).decode() if name in (layout.BACKUP_INFO, layout.OWNER) else None


def _verify(settings: Settings, _options: argparse.Namespace) -> None:
    found: list[str] = []
    system = system_identifier(settings)
    for number in _numbers(settings):
        try:
            found += problems(Bucket(settings, number), system)
        except MatriarchError as error:
            found.append(str(error))
    _say(found)


def _push(settings: Settings, options: argparse.Namespace) -> None:
    def keep(path: Path) -> None:
        wal.push(settings, path)

    notes = Ahead(settings.place)
    if not notes.was_sent(options.path):
        notes.send(options.path, keep, settings.processes)


def _fetch(settings: Settings, options: argparse.Namespace) -> int:
    return wal.fetch(settings, options.name, options.path, options.repository)


def _take(settings: Settings, options: argparse.Namespace) -> None:
    base.take(settings, options.repository, options.leader)


def _expire(settings: Settings, options: argparse.Namespace) -> None:
    base.expire(settings, options.repository, options.labels)


def _restore(settings: Settings, options: argparse.Namespace) -> None:
    base.restore(settings, options.repository, options.label, options.directory, options.parameter)


def _numbers(settings: Settings) -> range:
    return range(1, len(settings.repositories) + 1)


def _say(answer: object) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")


_VERBS: dict[str, Any] = {
    "check": _check,
    "prepare": _prepare,
    "list": _list,
    "verify": _verify,
    "push": _push,
    "fetch": _fetch,
    "take": _take,
    "expire": _expire,
    "restore": _restore,
}
