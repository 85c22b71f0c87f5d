#!/usr/bin/python
# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: backup_gate
version_added: 0.1.0
short_description: Ask whether the backups are proven, before data is put at risk
description:
  - The gate is open when a good restore drill or a sound verification is young enough, no later one was bad, and what
    it tried can be read now and holds a backup that can be restored.
  - Runs on a member's host, and changes nothing. A closed gate is an answer, no failure.
attributes:
  check_mode:
    description: Reads only, in check mode as well.
    support: full
  diff_mode:
    description: Nothing changes, so there is nothing to show.
    support: none
  idempotent:
    description: When run twice, the second run changes nothing.
    support: full
options:
  settings:
    description: Where the host keeps what is declared of the backups, and how old the proof may be.
    type: path
    default: /etc/matriarch/backup/settings.json
author:
  - The Matriarch authors (@matriarch)
"""

EXAMPLES = r"""
- name: Ask whether the backups are proven
  matriarch.pgcluster.backup_gate:
  register: gate
  failed_when: gate is failed or not gate.open
"""

RETURN = r"""
open:
  description: Whether the work may begin.
  returned: success
  type: bool
reason:
  description: Why not; empty where it may.
  returned: success
  type: str
age_hours:
  description: How old the newest proof is; null where there is none.
  returned: success
  type: float
next:
  description: The command that mends it; empty where nothing is to be mended.
  returned: success
  type: str
"""

from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup import command
from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup.plain_http import servers
from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup.proofs import Proofs
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.etcd_keys import EtcdKeys
from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.registry import engine
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_settings import SETTINGS_FILE, Settings
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.proof import Proof
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.backup_gate import Gate, gate, unreadable
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.remedies import SITE

PATIENCE = 90.0
"""Seconds for each question to the repositories: whoever asks may be in a hurry."""


def run(params: dict[str, Any]) -> dict[str, Any]:
    """Look, and decide."""
    try:
        settings = Settings.read(params["settings"])
        answer = decide(settings, known(settings), datetime.now(UTC))
    except MatriarchError as error:  # backups are declared, and this host knows nothing of them yet
        answer = Gate(str(error), next=SITE)
    return {"changed": False, "open": not answer.reason, **asdict(answer)}


def known(settings: Settings) -> Proof:
    """What the cluster knows, or where its etcd does not answer what this host does."""
    proofs = Proofs([EtcdKeys(http) for http in servers(settings, settings.etcd_urls)], settings.cluster)
    try:
        return proofs.told()
    except MatriarchError:
        return proofs.known_here()


def decide(settings: Settings, proof: Proof, now: datetime) -> Gate:
    """Open or not."""
    try:
        catalog = engine(settings.engine).catalog(settings, partial(command.call, seconds=PATIENCE))
    except MatriarchError as error:
        return unreadable(str(error), proof, now)
    return gate(settings, proof, catalog, now)


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(
        argument_spec={"settings": {"type": "path", "default": SETTINGS_FILE}}, supports_check_mode=True
    )
    module.exit_json(**run(module.params))


if __name__ == "__main__":
    main()
