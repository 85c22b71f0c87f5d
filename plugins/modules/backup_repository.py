#!/usr/bin/python
# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: backup_repository
version_added: 0.1.0
short_description: Make a cluster's backup repositories ready, or check that they are its own
description:
  - Asks the backup engine which PostgreSQL each repository is for, by its system identifier.
  - A repository that cannot be read, or is another cluster's, is refused with the reason; nothing is changed then.
  - So is one whose storage does not lock objects for as long as is declared. That is tried - these credentials must not
    be able to delete a small object, C(matriarch-object-lock), which stays there.
  - Runs on the members' hosts. The member that leads makes ready what is not; the others only look.
attributes:
  check_mode:
    description: Can run in check mode and tell what it would make ready.
    support: full
  diff_mode:
    description: Nothing that could be shown as text changes.
    support: none
  idempotent:
    description: Running it twice in a row outside check mode changes nothing the second time.
    support: full
options:
  state:
    description: V(ready) makes ready what is not, V(checked) only looks, V(shared) fails where this member does not see
      what another one has made ready.
    type: str
    choices: [ready, checked, shared]
    default: ready
  keys:
    description:
      - Access key and secret key of each repository, in their order, to verify an object lock that is declared.
      - The lock of one that is reached with the host's role is not verified.
    type: list
    elements: list
    default: []
  settings:
    description: Where the host keeps what is declared of the backups.
    type: path
    default: /etc/matriarch/backup/settings.json
author:
  - The Matriarch authors (@matriarch)
"""

EXAMPLES = r"""
- name: Make the repositories ready
  matriarch.pgcluster.backup_repository:
    state: ready
"""

RETURN = r"""
repositories:
  description: The repositories in the order in which they are declared.
  returned: success
  type: list
  elements: dict
  contains:
    repository:
      description: Which one.
      type: str
    ready:
      description: Whether it was ready before.
      type: bool
    problem:
      description: Why it could not be read, while another one could; else empty.
      type: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup import command
from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup.instance import system_identifier
from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup.object_lock import unprotected
from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup.run import ask_patroni
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.s3 import S3
from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.registry import engine
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError, Refused
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_settings import SETTINGS_FILE, Settings
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.backup_repository import (
    not_ready,
    refuse_unshared,
)


def run(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Look, and make ready what is not. Raises MatriarchError."""
    settings = Settings.read(params["settings"])
    if not check_mode:
        verify_locks(settings, params["keys"])
        if params["state"] == "checked" and (asked := engine(settings.engine).check(settings)):
            command.call(asked)
    catalog = engine(settings.engine).catalog(settings, command.call)
    missing = not_ready(catalog, settings, system_identifier(settings))
    if params["state"] == "shared":
        refuse_unshared(missing, settings)
    acts = params["state"] == "ready" and bool(missing) and leads(settings)
    if acts and not check_mode:
        command.call(engine(settings.engine).prepare(settings))
    told = [
        {"repository": each.label, "ready": number not in missing, "problem": catalog.problems.get(number, "")}
        for number, each in enumerate(settings.repositories, 1)
    ]
    return {"changed": acts, "repositories": told}


def verify_locks(settings: Settings, keys: list[list[str]]) -> None:
    """Raises Refused where objects are not locked as it is declared."""
    for number, (repository, pair) in enumerate(zip(settings.repositories, keys, strict=False), 1):
        if repository.object_lock_days and repository.credentials == "key":
            access_key, secret_key = pair
            bucket = S3(repository, access_key, secret_key)
            if problem := unprotected(bucket, repository.path, repository.object_lock_days):
                advice = "have the storage lock objects, or take object_lock_days out of backup_repositories"
                raise Refused(f"{repository.label}: {problem}. Next: {advice}", repository=number)


def leads(settings: Settings) -> bool:
    """Whether this member leads now."""
    leader = ask_patroni(settings).leader
    return leader is not None and leader.name == settings.member


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["ready", "checked", "shared"], "default": "ready"},
            "keys": {"type": "list", "elements": "list", "default": [], "no_log": True},
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
