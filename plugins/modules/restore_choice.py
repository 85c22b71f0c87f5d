#!/usr/bin/python
# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: restore_choice
version_added: 0.1.0
short_description: Which backup leads to a moment of the past
description:
  - Reads the repositories that are declared on the host, and chooses the newest backup that ended before the target,
    lies on the way to its timeline, and has all its log.
  - Refuses, with what is available, where none leads there.
  - Changes nothing.
extends_documentation_fragment:
  - matriarch.pgcluster.reads_only
options:
  target:
    description: Where the recovery ends, as P(matriarch.pgcluster.recovery_target#filter) writes it.
    type: str
    required: true
  inclusive:
    description: Whether the transaction or the record at the very target is replayed, too.
    type: bool
    default: true
  timeline:
    description: A timeline's number, or V(latest).
    type: str
    default: latest
  backup:
    description: The label of the backup to begin with; empty, the best one is chosen.
    type: str
    default: ""
  repository:
    description: The number of the repository to take it from, and the log with it; 0, the first that has it.
    type: int
    default: 0
  system_identifier:
    description: Which cluster's data it must be. Empty, any will do.
    type: str
    default: ""
  data_directory:
    description: Where the data will lie meanwhile, for the command that fetches log.
    type: path
    required: true
  settings_file:
    description: Where the declared backups are described.
    type: path
    default: /etc/matriarch/backup/settings.json
  archived_to:
    description:
      - A position of the timeline in use up to which all log is known to be archived. Empty, the repository tells.
    type: str
    default: ""
  archived_until:
    description:
      - A time up to which all that was committed is known to be archived. Empty, the repository's own clock tells.
    type: str
    default: ""
author:
  - The Matriarch authors (@matriarch)
"""

EXAMPLES = r"""
- name: Choose a backup
  matriarch.pgcluster.restore_choice:
    target: time:2026-12-01T02:00:00+00:00
    data_directory: /var/lib/postgresql/17/shop.restore-20261201T020000Z
"""

RETURN = r"""
choice:
  description: The backup and how it leads to the target.
  returned: success
  type: dict
  contains:
    label:
      description: The backup.
      type: str
    kind:
      description: What kind of backup it is.
      type: str
    ended_at:
      description: When it ended.
      type: str
    repository:
      description: The number of its repository.
      type: int
    size:
      description: How many bytes it has when it is restored.
      type: int
    system_identifier:
      description: Whose data it is.
      type: str
    reason:
      description: Why this one.
      type: str
    timeline:
      description: The timeline that the recovery follows.
      type: int
    newest_timeline:
      description: The newest timeline that the archive knows.
      type: int
    at_least:
      description: A position that is replayed when all log is.
      type: str
    restore_command:
      description: PostgreSQL's parameter of that name; a repository that is silent is not taken for the log's end.
      type: str
    warnings:
      description: What may keep the target from being reached.
      type: list
      elements: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup import command
from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.registry import engine
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError, RemoteError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_settings import Settings
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.recovery import parse_target
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.restore_input import archive_of
from ansible_collections.matriarch.pgcluster.plugins.module_utils.restore import choosing


def choose(params: dict[str, Any]) -> dict[str, Any]:
    """Read, and choose."""
    settings = Settings.read(params["settings_file"])
    backups = engine(settings.engine)
    catalog = backups.catalog(settings, command.call)
    if params["repository"]:
        catalog = catalog.in_repository(params["repository"])
    if not catalog.backups and catalog.problems:
        raise RemoteError("; ".join(catalog.problems.values()))
    return choosing.choose(
        backups,
        settings,
        catalog,
        archive_of(catalog, params["archived_until"], params["archived_to"]),
        parse_target(params["target"], inclusive=params["inclusive"], timeline=params["timeline"]),
        params["data_directory"],
        named=params["backup"],
        system_identifier=params["system_identifier"],
        repository=params["repository"],
    )


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(
        argument_spec={
            "target": {"type": "str", "required": True},
            "inclusive": {"type": "bool", "default": True},
            "timeline": {"type": "str", "default": "latest"},
            "backup": {"type": "str", "default": ""},
            "repository": {"type": "int", "default": 0},
            "system_identifier": {"type": "str", "default": ""},
            "data_directory": {"type": "path", "required": True},
            "settings_file": {"type": "path", "default": "/etc/matriarch/backup/settings.json"},
            "archived_to": {"type": "str", "default": ""},
            "archived_until": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    try:
        answer = choose(module.params)
    except MatriarchError as error:
        module.fail_json(msg=str(error), **error.details)
    module.exit_json(changed=False, choice=answer)


if __name__ == "__main__":
    main()
