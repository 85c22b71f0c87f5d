#!/usr/bin/python
# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: backup_verify
version_added: 0.1.0
short_description: Read all that the backup repositories hold, and compare checksums
description:
  - Has the backup engine read every backup and all WAL of every repository. That may take hours, and costs what the
    storage asks for reading.
  - Tells in addition which backups could not be restored because something that they need is not there.
  - Runs on a member's host, and changes nothing. Finding something bad is an answer, no failure.
  - Its verdict is kept for the status and for M(matriarch.pgcluster.backup_gate), but in check mode.
extends_documentation_fragment:
  - matriarch.pgcluster.reads_only
options:
  settings:
    description: Where the host keeps what is declared of the backups.
    type: path
    default: /etc/matriarch/backup/settings.json
author:
  - The Matriarch authors (@matriarch)
"""

EXAMPLES = r"""
- name: Verify the backups
  matriarch.pgcluster.backup_verify:
  register: verified
  failed_when: not verified.sound
"""

RETURN = r"""
sound:
  description: Whether nothing bad was found, and there is a backup that can be restored.
  returned: success
  type: bool
problems:
  description: What is bad, a sentence each.
  returned: success
  type: list
  elements: str
backups:
  description: How many backups were verified.
  returned: success
  type: int
segments:
  description: How many segments of WAL were.
  returned: success
  type: int
"""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup import command
from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup.plain_http import servers
from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup.proofs import Proofs
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.etcd_keys import EtcdKeys
from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.registry import engine
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError, NobodyAnswered
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup import shown
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_settings import SETTINGS_FILE, Settings
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.proof import VERIFICATION, Trial
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.backup_policy import restorable


def keep(settings: Settings, verdict: Trial) -> None:
    """Write the verdict down. An etcd that does not answer gets it later, from this host's file."""
    proofs = Proofs([EtcdKeys(http) for http in servers(settings, settings.etcd_urls)], settings.cluster)
    with suppress(NobodyAnswered):
        proofs.add(verdict)


def run(params: dict[str, Any], check_mode: bool = False) -> dict[str, Any]:
    """Read everything. Raises MatriarchError."""
    settings = Settings.read(params["settings"])
    began = shown(datetime.now(UTC))
    chosen = engine(settings.engine)
    catalog = chosen.catalog(settings, command.call)
    sound = restorable(catalog)
    problems = [
        *catalog.problems.values(),
        *([] if catalog.backups else ["there is no backup"]),
        *(f"{backup.label} cannot be restored" for backup in catalog.backups if backup not in sound),
        *chosen.verify(settings, command.call_for_long),
    ]
    told = {"backups": len(catalog.backups), "segments": len(catalog.segments)}
    if not check_mode:
        labels = tuple(repository.label for repository in settings.repositories)
        keep(settings, Trial(VERIFICATION, began, settings.member, labels, tuple(problems), told))
    return {"changed": False, "sound": not problems, "problems": problems, **told}


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(
        argument_spec={"settings": {"type": "path", "default": SETTINGS_FILE}}, supports_check_mode=True
    )
    try:
        answer = run(module.params, module.check_mode)
    except MatriarchError as error:
        module.fail_json(msg=str(error), **error.details)
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
