#!/usr/bin/python
# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: support_bundle
short_description: Put what all hosts gave into one archive with an index
version_added: 0.1.0
author: [The Matriarch authors (@matriarch)]
description:
  - Writes an archive of what M(matriarch.pgcluster.support_gather) returned on every host, and of the cluster's status,
    with an index that also says what could not be had. Runs on the control node.
  - Known secrets are looked for once more in all of it.
options:
  directory:
    description: Where the archive is written; with a name that has the cluster's name and the time.
    type: path
    required: true
  cluster:
    description: The cluster's name.
    type: str
    required: true
  since:
    description: From when on the hosts were asked for their journals.
    type: str
    required: true
  version:
    description: The collection's version.
    type: str
    required: true
  parts:
    description: The cluster's C(status), and what its C(hosts) gave by name, null for one that did not answer; as JSON.
    type: str
    required: true
  secrets:
    description: The known secrets, a list as JSON in Base64.
    type: str
    default: W10=
attributes:
  check_mode:
    description: Says which archive would be written.
    support: full
  diff_mode:
    description: The archive is made anew each time, so there is nothing to compare.
    support: none
  idempotent:
    description: Each run writes an archive of its own, named after the time.
    support: none
"""

EXAMPLES = r"""
- name: Write the bundle
  matriarch.pgcluster.support_bundle:
    directory: /tmp
    cluster: main
    since: "-24h"
    version: 0.1.0
    parts: "{{ {'status': status, 'hosts': {'db1': db1_part, 'db2': none}} | to_json }}"
  delegate_to: localhost
"""

RETURN = r"""
path:
  description: The archive, which only its owner can read.
  returned: success
  type: str
  sample: /tmp/main-support-20261101T120000Z.tar.gz
bytes:
  description: Its size; 0 in check mode.
  returned: success
  type: int
removed:
  description: How many secrets the hosts took out.
  returned: success
  type: int
silent:
  description: The hosts of which there is nothing.
  returned: success
  type: list
  elements: str
lines:
  description: The same as sentences; in check mode with all that would be in it.
  returned: success
  type: list
  elements: str
"""

import base64
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.matriarch.pgcluster.plugins.module_utils.support.bundle import (
    Cluster,
    folder_name,
    foreseen,
    packed,
    removed,
    silent,
    told,
)

ARGUMENTS: dict[str, Any] = {
    "directory": {"type": "path", "required": True},
    "cluster": {"type": "str", "required": True},
    "since": {"type": "str", "required": True},
    "version": {"type": "str", "required": True},
    "parts": {"type": "str", "required": True, "no_log": True},
    "secrets": {"type": "str", "default": "W10=", "no_log": True},
}


def run(params: dict[str, Any], check_mode: bool, now: datetime) -> dict[str, Any]:
    """Write it. Raises OSError."""
    parts = json.loads(params["parts"])
    cluster = Cluster(
        name=params["cluster"],
        moment=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        since=params["since"],
        version=params["version"],
        status=parts["status"],
        hosts=parts["hosts"],
    )
    path = str(Path(params["directory"]) / f"{folder_name(cluster)}.tar.gz")
    archive = b"" if check_mode else packed(cluster, json.loads(base64.b64decode(params["secrets"])), now.timestamp())
    if archive:
        write(path, archive)
    return {
        "changed": True,
        "path": path,
        "bytes": len(archive),
        "removed": removed(cluster),
        "silent": silent(cluster),
        "lines": foreseen(cluster, path) if check_mode else told(cluster, path, len(archive)),
    }


def write(path: str, archive: bytes) -> None:
    """A file that nobody else could read at any time."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(archive)


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        module.exit_json(**run(module.params, module.check_mode, datetime.now(UTC)))
    except OSError as error:
        module.fail_json(msg=f"writing the bundle: {error}")


if __name__ == "__main__":
    main()
