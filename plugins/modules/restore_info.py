#!/usr/bin/python
# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: restore_info
version_added: 0.1.0
short_description: What a data host holds while its cluster is restored
description:
  - Tells whether a data directory holds nothing, the former data or the restored data, how far a copy beside it has
    come, and what a plan needs to know of the host.
  - Changes nothing.
extends_documentation_fragment:
  - matriarch.pgcluster.reads_only
options:
  data_directory:
    description: The member's data directory.
    type: path
    required: true
  binary_directory:
    description: Where PostgreSQL's programs lie.
    type: path
    required: true
  stamp:
    description: Which restore is meant; empty where none has begun.
    type: str
    default: ""
author:
  - The Matriarch authors (@matriarch)
"""

EXAMPLES = r"""
- name: See what lies there
  matriarch.pgcluster.restore_info:
    data_directory: /var/lib/postgresql/17/shop
    binary_directory: /usr/lib/postgresql/17/bin
    stamp: 20261201T020000Z
"""

RETURN = r"""
place:
  description: The host.
  returned: success
  type: dict
  contains:
    data:
      description:
        - What the data directory holds - V(none), V(former) or V(restored).
        - V(unfinished) is files without PostgreSQL's control file, which a clone gets last.
      type: str
    prepared:
      description: How far the copy beside it is - V(copied), V(recovered), V(promoted), or empty.
      type: str
    is_aside:
      description: Whether former data lies aside already, under the name that this restore gives it.
      type: bool
    runs:
      description: Whether Patroni or PostgreSQL runs.
      type: bool
    starts:
      description: Whether a boot would start Patroni.
      type: bool
    free:
      description: Free bytes beside the data directory, those included that a copy takes up which is made anew.
      type: int
    is_mount:
      description: Whether the data directory is a mount point.
      type: bool
    has_tablespaces:
      description: Whether the data has tablespaces of its own.
      type: bool
    system_identifier:
      description: The identity of the data; empty where there is none.
      type: str
    timeline:
      description: The timeline of its last checkpoint; 0 where there is none.
      type: int
    restored:
      description: What was wished for when the data that lies in its place was restored; empty where it never was.
      type: dict
    evidence:
      description: What was seen when the restored data reached its target; empty before.
      type: dict
"""

import os
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients import host_data, host_system
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.command import CommandError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.data_folder import (
    control_data,
    has_tablespaces,
    is_running,
    occupied,
    read_mark,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.restore_mark import aside, beside

PATRONI = "patroni.service"


def place(params: dict[str, Any]) -> dict[str, Any]:
    """Everything about the host."""
    data, stamp = Path(params["data_directory"]), params["stamp"]
    control = control_data(params["binary_directory"], data)
    here = read_mark(data)
    prepared = read_mark(beside(data, stamp), stamp) if stamp else None
    is_begun = bool(stamp) and prepared is None
    is_restored = bool(stamp and here and here.stamp == stamp and here.stage == "promoted")
    try:
        unit = host_system.units([PATRONI])[PATRONI]
        disk = host_data.disk(Path("/"), str(data.parent))
    except (CommandError, OSError, ValueError) as error:
        raise MatriarchError(f"the host does not tell how it is: {error}") from error
    mark = here if is_restored else prepared
    return {
        "data": "restored" if is_restored else "former" if control else unmade(data),
        "prepared": prepared.stage if prepared else "",
        "is_aside": bool(stamp) and aside(data, stamp).exists(),
        "runs": unit["active"] not in ("inactive", "failed") or is_running(data),
        "starts": unit["enabled"] == "enabled",
        "free": disk["free_mb"] * 2**20 + (occupied(beside(data, stamp)) if is_begun else 0),
        "is_mount": os.path.ismount(data),
        "has_tablespaces": has_tablespaces(data),
        "system_identifier": control.system_identifier if control else "",
        "timeline": control.timeline if control else 0,
        "restored": dict(here.wish) if here and here.stage == "promoted" else {},
        "evidence": dict(mark.evidence) if mark else {},
    }


def unmade(data: Path) -> str:
    """What a directory is that holds no data of PostgreSQL."""
    return "unfinished" if data.is_dir() and any(data.iterdir()) else "none"


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(
        argument_spec={
            "data_directory": {"type": "path", "required": True},
            "binary_directory": {"type": "path", "required": True},
            "stamp": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    try:
        answer = place(module.params)
    except MatriarchError as error:
        module.fail_json(msg=str(error), **error.details)
    module.exit_json(changed=False, place=answer)


if __name__ == "__main__":
    main()
