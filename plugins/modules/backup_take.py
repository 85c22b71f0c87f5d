#!/usr/bin/python
# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: backup_take
version_added: 0.1.0
short_description: Make a backup of the cluster now
description:
  - Runs on every member's host. The member whose turn it is makes the backup; the others do nothing and name it.
  - One backup of a cluster runs at a time. While another one runs, this fails with who makes it.
  - Leadership may change hands meanwhile; then the backup may fail, and is made anew by the next attempt.
attributes:
  check_mode:
    description: Can run in check mode and tell who would make the backup.
    support: full
  diff_mode:
    description: A backup is nothing that could be shown as text.
    support: none
  idempotent:
    description: Each run makes another backup.
    support: none
options:
  kind:
    description:
      - V(full) stands alone, V(differential) holds what has changed since the last full one, V(incremental) since the
        last one of any kind.
      - Not every engine makes all of them.
    type: str
    choices: [full, differential, incremental]
    default: full
  member:
    description: The member that shall make it. Empty, the first in line, as each host sees it when it is asked.
    type: str
    default: ""
  repository:
    description: The number of the repository, counted from 1.
    type: int
    default: 1
  settings:
    description: Where the host keeps what is declared of the backups.
    type: path
    default: /etc/matriarch/backup/settings.json
author:
  - The Matriarch authors (@matriarch)
"""

EXAMPLES = r"""
- name: Make a full backup
  matriarch.pgcluster.backup_take:
    kind: full
"""

RETURN = r"""
member:
  description: Whose turn it is.
  returned: success
  type: str
order:
  description: All members that can make it, in their line.
  returned: success
  type: list
  elements: str
backup:
  description: The backup that was made, as M(matriarch.pgcluster.backup_info) tells it; null on the other hosts.
  returned: success
  type: dict
"""

import json
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup.run import ask_patroni
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.command import (
    CommandError,
    as_postgres,
    complete,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.registry import engine
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError, Refused
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup import KINDS
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_settings import SETTINGS_FILE, Settings
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.backup import line

PROGRAM = "/usr/local/libexec/matriarch-backup"
LONGEST = 7 * 24 * 3600.0
"""Seconds; a backup that takes longer than a week is none."""


def run(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Make the backup if it is this member's turn. Raises MatriarchError."""
    settings = Settings.read(params["settings"])
    check(settings, params)
    order = line(ask_patroni(settings), settings.source)
    if not order:
        raise Refused("no member leads, and none streams: a backup needs one. Next: ansible-playbook status.yml")
    member = params["member"] or order[0]
    acts = member == settings.member
    if acts and member not in order:
        raise Refused(f"{member} neither leads nor streams any more. Next: ansible-playbook status.yml, then again")
    backup = take(params) if acts and not check_mode else None
    return {"changed": acts, "member": member, "order": list(order), "backup": backup}


def check(settings: Settings, params: dict[str, Any]) -> None:
    """Refuse what cannot be made. Raises Refused."""
    chosen, number = engine(settings.engine), len(settings.repositories)
    if params["kind"] not in chosen.kinds:
        raise Refused(f"{chosen.name} makes no {params['kind']} backups; it makes: {', '.join(chosen.kinds)}")
    if not 1 <= params["repository"] <= number:
        raise Refused(f"there is no repository {params['repository']}; there are {number}")


def take(params: dict[str, Any]) -> dict[str, Any]:
    """Have the host's own program make it, as its timer does. Raises MatriarchError with its words."""
    argv = [PROGRAM, "take", f"--kind={params['kind']}", f"--repository={params['repository']}"]
    try:
        done = complete(as_postgres(argv), seconds=LONGEST)
        told: dict[str, Any] = json.loads(done.stdout)
    except (CommandError, OSError, ValueError) as error:
        raise MatriarchError(f"{' '.join(argv)}: {error}") from error
    if done.returncode != 0:
        raise MatriarchError(told["error"], busy=told["busy"])
    backup: dict[str, Any] = told["backup"]
    return backup


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(
        argument_spec={
            "kind": {"type": "str", "choices": list(KINDS), "default": "full"},
            "member": {"type": "str", "default": ""},
            "repository": {"type": "int", "default": 1},
            "settings": {"type": "path", "default": SETTINGS_FILE},
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
