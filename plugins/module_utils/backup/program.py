# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts' own program: `matriarch-backup VERB`, as *postgres*. It prints JSON, and ends with 1 where it failed.

A restore drill whose verdict is bad ends with 10.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup import command
from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup.lock import Busy
from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup.mend import mend
from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup.replica import make_replica
from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup.run import Done, scheduled, take
from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup.state import Mended
from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.registry import engine
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup import FULL, KINDS
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_settings import SETTINGS_FILE, Settings
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.replica_source import AUTO, WISHES

BAD = 10
DRILLS = ("scheduled", "now", "even-on-leader", "foreseen", "foreseen-even-on-leader", "swept")
"""The first three are the names of the instances of the unit."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the verb says."""
    options = parser().parse_args(arguments)
    try:
        settings = Settings.read(options.settings)
        answer = _VERBS[options.verb](settings, options)
    except MatriarchError as error:
        # Who called it reads JSON; in a timer's journal the words are enough.
        if options.verb == "take" or getattr(options, "when", "").startswith("foreseen"):
            say({"error": str(error), "busy": isinstance(error, Busy)})
        sys.stderr.write(f"matriarch-backup: {error}\n")
        return 1
    if answer:
        say(answer)
    return BAD if isinstance(answer, dict) and answer.get("good") is False else 0


def say(answer: object) -> None:
    """Tell whoever called: a line of JSON."""
    sys.stdout.write(json.dumps(answer) + "\n")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="matriarch-backup", description="Backups of the cluster, seen from this member.")
    top.add_argument("--settings", default=SETTINGS_FILE, help="whose repositories: what is declared of the backups")
    verbs = top.add_subparsers(dest="verb", required=True)
    verbs.add_parser("scheduled", help="make the backup that is due, if it is this member's turn")
    verbs.add_parser("mend", help="archive WAL that its own leader did not archive any more")
    now = verbs.add_parser("take", help="make a backup now, from this member")
    now.add_argument("--kind", choices=KINDS, default=FULL)
    now.add_argument("--repository", type=int, default=1)
    verbs.add_parser("canary", help="write a row that restore drills look for, if this member leads")
    drill = verbs.add_parser("drill", help="restore the newest backup beside this member's data, check it, remove it")
    drill.add_argument("when", choices=DRILLS, help="how it is done; none is made to foresee or to sweep")
    replica = verbs.add_parser("replica", help="make this member's data out of the repository")
    replica.add_argument("--from", dest="wish", choices=WISHES, default=AUTO, help="auto: unless the leader is cheaper")
    return top


def _scheduled(settings: Settings, _options: argparse.Namespace) -> Any:
    return [_told(done) for done in scheduled(settings)]


def _take(settings: Settings, options: argparse.Namespace) -> Any:
    return _told(take(settings, options.kind, options.repository))


def _mend(settings: Settings, _options: argparse.Namespace) -> Any:
    push = engine(settings.engine).push_at_once(settings)
    before = Mended.read()
    after = mend(Path(settings.data_directory) / "pg_wal", push, command.call, before)
    if after == before:
        return None
    after.write()
    return {"timeline": after.timeline, "problem": after.problem}


def _replica(settings: Settings, options: argparse.Namespace) -> Any:
    return {"replica": make_replica(settings, options.wish)}


# What speaks SQL takes longer to load than the timers' other work takes: it is loaded where it is needed.


def _canary(settings: Settings, _options: argparse.Namespace) -> Any:
    if (Path(settings.data_directory) / "standby.signal").exists():
        return None
    from ansible_collections.matriarch.pgcluster.plugins.module_utils.drill.canaries import Canaries, NotServing

    try:
        with Canaries(settings.socket_directory, settings.postgres_port) as canaries:
            canaries.write()
    except NotServing as stopped:
        # A restart is not this timer's to report: the unit would stand failed beside a cluster that is well.
        return {"canary": None, "reason": str(stopped)}
    return None


def _drill(settings: Settings, options: argparse.Namespace) -> Any:
    from ansible_collections.matriarch.pgcluster.plugins.module_utils.drill.run import WAYS

    answer = WAYS[options.when](settings)
    return answer.told() if answer else None


def _told(done: Done) -> dict[str, Any]:
    return {"backup": done.backup.facts() if done.backup else None, "reason": done.reason}


_VERBS = {
    "scheduled": _scheduled,
    "take": _take,
    "mend": _mend,
    "canary": _canary,
    "drill": _drill,
    "replica": _replica,
}
