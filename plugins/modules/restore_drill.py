#!/usr/bin/python
# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: restore_drill
version_added: 0.1.0
short_description: Try whether the newest backup can be restored
description:
  - Runs on every member's host. The member whose turn it is restores the newest backup beside its own data, replays all
    archived log, looks for a row that must be there, checks every page, table and index, and removes everything again.
  - It is done by a unit of systemd with little memory and a small share of CPU and disk, which goes on when whoever
    began it dies. A bad verdict is an answer, no failure.
  - Each repository is tried in its turn, one with each drill.
attributes:
  check_mode:
    description: Can run in check mode and tell who would restore which backup, or why that is refused.
    support: full
  diff_mode:
    description: Nothing changes, so there is nothing to show.
    support: none
  idempotent:
    description: Nothing is left of it but its verdict.
    support: full
options:
  member:
    description: The member that shall do it. Empty, the first standby that keeps up.
    type: str
    default: ""
  even_on_leader:
    description: Whether the leader may.
    type: bool
    default: false
  settings:
    description: Where the host keeps what is declared of the backups.
    type: path
    default: /etc/matriarch/backup/settings.json
  wait_timeout:
    description: How long to wait for the verdict, in seconds.
    type: float
    default: 86400.0
author:
  - The Matriarch authors (@matriarch)
"""

EXAMPLES = r"""
- name: Try to restore the newest backup
  matriarch.pgcluster.restore_drill:
  register: drilled
"""

RETURN = r"""
member:
  description: Whose turn it is.
  returned: success
  type: str
plan:
  description: The backup that is restored; null on the other hosts.
  returned: success
  type: dict
  contains:
    repository:
      description: The repository.
      type: str
    label:
      description: The backup.
      type: str
    kind:
      description: What kind of backup it is.
      type: str
    stopped:
      description: When it ended.
      type: str
    size_bytes:
      description: Its size when it is restored.
      type: int
    problem:
      description: Why it cannot be recovered, where that is known before.
      type: str
drill:
  description: The drill and its verdict; null on the other hosts and in check mode.
  returned: success
  type: dict
  contains:
    good:
      description: The verdict.
      type: bool
    problems:
      description: What is bad, a sentence each.
      type: list
      elements: str
    at:
      description: When it began.
      type: str
    member:
      description: Who made it.
      type: str
    repositories:
      description: The repository.
      type: list
      elements: str
    facts:
      description:
        - As RV(plan); and, as far as it came, C(fetch_seconds), C(replay_seconds), C(check_seconds), C(rto_seconds)
          (the first two together), C(rpo_seconds) (how old the leader's newest row was that is in the restored data),
          C(canary) (that row's number), C(last_commit), C(replayed) (the last position) and C(checksums) (whether the
          data has any).
      type: dict
"""

import json
from datetime import UTC, datetime
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup.proofs import Proofs
from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup.run import ask_patroni
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients import service, transient_unit
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.command import (
    CommandError,
    as_postgres,
    complete,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.drill.state import DrillState
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import (
    DeadlineExceeded,
    MatriarchError,
    Refused,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup import shown
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_settings import SETTINGS_FILE, Settings
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.proof import Trial
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.drill import order, whose
from ansible_collections.matriarch.pgcluster.plugins.module_utils.wait import wait_until

PROGRAM = "/usr/local/libexec/matriarch-backup"
FORESEEING = 900.0
"""Seconds; a repository that does not answer lets its engine try for minutes."""


def run(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Make the drill if it is this member's turn. Raises MatriarchError."""
    settings = Settings.read(params["settings"])
    member = turn(settings, params)
    if member != settings.member:
        return {"changed": False, "member": member, "plan": None, "drill": None}
    plan = foreseen(params["even_on_leader"])
    trial = None if check_mode else drill(settings, params)
    return {"changed": False, "member": member, "plan": plan, "drill": trial.told() if trial else None}


def turn(settings: Settings, params: dict[str, Any]) -> str:
    """Whose turn it is. Raises Refused where nobody can."""
    wished = params["member"]
    if wished and wished not in settings.members:
        raise Refused(f"{wished} is no member. Next: name one of {', '.join(sorted(settings.members))}")
    ordered = order(ask_patroni(settings), settings.drill, even_on_leader=params["even_on_leader"])
    member = whose(ordered, wished)
    if not member:
        who = f"{wished} is" if wished else "no standby is"
        raise Refused(
            f"{who} there that streams, so nothing was tried. Next: ansible-playbook status.yml; or let the leader do "
            "it, -e even_on_leader=true"
        )
    return member


def foreseen(even_on_leader: bool) -> dict[str, Any]:
    """What the host's own program would restore. Raises MatriarchError with its words."""
    argv = [PROGRAM, "drill", "foreseen-even-on-leader" if even_on_leader else "foreseen"]
    try:
        done = complete(as_postgres(argv), seconds=FORESEEING)
        told: dict[str, Any] = json.loads(done.stdout)
    except (CommandError, OSError, ValueError) as error:
        raise MatriarchError(f"{' '.join(argv)}: {error}") from error
    if done.returncode != 0:
        raise Refused(told["error"])
    return told


def drill(settings: Settings, params: dict[str, Any]) -> Trial:
    """Have the unit do it, as the timer does, and wait for its verdict. Raises MatriarchError where there is none."""
    unit = f"matriarch-drill@{'even-on-leader' if params['even_on_leader'] else 'now'}"
    began = shown(datetime.now(UTC))
    service.begin(unit)
    outcome = wait_until(
        lambda: transient_unit.state(unit), lambda state: not state.runs, seconds=params["wait_timeout"]
    )
    if not outcome.reached:
        raise DeadlineExceeded(
            f"the drill has come to no verdict within {outcome.seconds:.0f} s, and goes on. Next: wait for it, and "
            f"look at playbooks/status.yml; or systemctl stop {unit}, on {settings.member}"
        )
    trial = Proofs([], settings.cluster).known_here().drill
    if trial is None or trial.at < began:
        state = DrillState.read()
        why = state.failure if state.failed_at >= began else f"{unit} ended with {outcome.last.result}"
        raise MatriarchError(f"the drill came to no verdict: {why}. Next: journalctl -u {unit}, on {settings.member}")
    return trial


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(
        argument_spec={
            "member": {"type": "str", "default": ""},
            "even_on_leader": {"type": "bool", "default": False},
            "settings": {"type": "path", "default": SETTINGS_FILE},
            "wait_timeout": {"type": "float", "default": 86400.0},
        },
        supports_check_mode=True,
    )
    try:
        answer = run(module.params, module.check_mode)
    except MatriarchError as error:
        module.fail_json(msg=str(error), **error.details)
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
