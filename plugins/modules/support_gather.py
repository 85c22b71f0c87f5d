#!/usr/bin/python
# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: support_gather
short_description: Read a host's part of a support bundle, without secrets
version_added: 0.1.0
author: [The Matriarch authors (@matriarch)]
description:
  - Reads files, what programs print, and journals, and takes out of them what is or looks like a secret, before any of
    it leaves the host. No file is made here.
  - What cannot be read is said, and no failure.
options:
  files:
    description: Paths, which may have patterns.
    type: list
    elements: str
    default: []
  commands:
    description: Programs that only read, as lists of arguments, by the name that their output shall have.
    type: dict
    default: {}
  units:
    description: Units of systemd whose journals are wanted, with their suffix; V(kernel) stands for the kernel's own.
    type: list
    elements: str
    default: []
  since:
    description: From when on the journals are wanted, in the words of C(journalctl --since).
    type: str
    default: "-24h"
  most_bytes:
    description: How much is taken of each file, output and journal, from its end.
    type: int
    default: 4194304
  secrets:
    description:
      - The known secrets, which are taken out wherever they occur; a list as JSON in Base64, so that Ansible itself
        does not look for each of them in the archive.
    type: str
    default: W10=
attributes:
  check_mode:
    description: Says what would be read, and reads nothing.
    support: full
  diff_mode:
    description: Nothing changes, so there is nothing to show.
    support: none
  idempotent:
    description: When run twice, the second run changes nothing.
    support: full
"""

EXAMPLES = r"""
- name: Read this host's part
  matriarch.pgcluster.support_gather:
    files: [/etc/patroni/config.yml, /etc/pgbouncer/*.ini]
    commands: {disks: [df, --human-readable]}
    units: [patroni.service, kernel]
    since: "-6h"
"""

RETURN = r"""
items:
  description: What was read, or would be.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Its name in the bundle.
      type: str
      sample: files/etc/patroni/config.yml
    bytes:
      description: Its size without secrets; 0 in check mode.
      type: int
    removed:
      description: How many secrets were taken out.
      type: int
    dropped:
      description: How many bytes before it were too many.
      type: int
missing:
  description: What could not be had, with C(name) and C(why).
  returned: success
  type: list
  elements: dict
archive:
  description: All of it as a compressed archive, in Base64; empty in check mode.
  returned: success
  type: str
"""

import base64
import json
import os
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.matriarch.pgcluster.plugins.module_utils.support.gather import Wish, foresee, gather
from ansible_collections.matriarch.pgcluster.plugins.module_utils.support.redact import Redactor

ARGUMENTS: dict[str, Any] = {
    "files": {"type": "list", "elements": "str", "default": []},
    "commands": {"type": "dict", "default": {}},
    "units": {"type": "list", "elements": "str", "default": []},
    "since": {"type": "str", "default": "-24h"},
    "most_bytes": {"type": "int", "default": 4194304},
    "secrets": {"type": "str", "default": "W10=", "no_log": True},
}


def run(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Read it, or say what there is to read."""
    wish = Wish(
        files=params["files"],
        commands={name: [str(word) for word in argv] for name, argv in params["commands"].items()},
        units=params["units"],
        since=params["since"],
        most=params["most_bytes"],
    )
    if check_mode:
        return foresee(wish).facts()
    return gather(wish, Redactor(json.loads(base64.b64decode(params["secrets"])))).facts()


def main() -> None:
    """Run as an Ansible module."""
    os.nice(10)  # the cluster's own work goes first
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    module.exit_json(changed=False, **run(module.params, module.check_mode))


if __name__ == "__main__":
    main()
