#!/usr/bin/python
# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: ballast_file
version_added: 0.1.0
short_description: Keep room back on a file system, by a file that can be removed when it is full
description:
  - Makes a file that holds nothing, and takes its room at once. Where the file system is full, removing it lets the
    program start again that stopped for want of room.
  - Makes it anew where it was removed, as soon as there is room for it five times over; until then RV(reason) says so.
  - A larger one is left as it is.
attributes:
  check_mode:
    description: Can run in check mode and predict whether the file would be made.
    support: full
  diff_mode:
    description: Shows what has changed in diff mode.
    support: full
  idempotent:
    description: Running it twice in a row outside check mode changes nothing the second time.
    support: full
options:
  path:
    description: The file, in a directory that exists, or will once its program is installed.
    type: path
    required: true
  megabytes:
    description: Its size in MiB; V(0) for no file.
    type: int
    required: true
  owner:
    description: Whose it is, and who may remove it.
    type: str
    default: root
author:
  - The Matriarch authors (@matriarch)
"""

EXAMPLES = r"""
- name: Keep room back for a full disk
  matriarch.pgcluster.ballast_file:
    path: /var/lib/postgresql/17/shop.ballast
    megabytes: 64
    owner: postgres
"""

RETURN = r"""
action:
  description: V(make), V(remove), V(keep), or V(wait) where there is not enough room for it.
  returned: success
  type: str
reason:
  description: Why.
  returned: success
  type: str
  sample: 64.0 MiB are kept back
"""

import os
import shutil
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.ballast import plan_ballast

MIB = 2**20


def on_disk(path: Path) -> int | None:
    """Bytes that a file takes there; None without a file."""
    try:
        return path.stat().st_blocks * 512
    except FileNotFoundError:
        return None


def free(path: Path) -> int:
    """For ordinary users, where the file is or will be."""
    return shutil.disk_usage(next(parent for parent in path.parents if parent.exists())).free


def make(path: Path, size: int, owner: str) -> None:
    """In one step: what a run that died has left is no ballast."""
    part = path.with_name(f"{path.name}.part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            os.posix_fallocate(file.fileno(), 0, size)
        shutil.chown(part, owner)
        part.replace(path)
    except (OSError, LookupError) as error:
        part.unlink(missing_ok=True)
        raise MatriarchError(f"{path} could not be made: {error}. Next: see what fills its file system") from error


def run(path: Path, size: int, owner: str, check_mode: bool) -> dict[str, Any]:
    """Plan, and do it."""
    there = on_disk(path)
    step = plan_ballast(size, there, free(path))
    if step.changes and not check_mode:
        path.unlink(missing_ok=True)
        if step.action == "make":
            make(path, size, owner)
    after = {"make": size, "remove": None}.get(step.action, there)
    diff = {"before": {"bytes": there}, "after": {"bytes": after}}
    return {"changed": step.changes, "action": step.action, "reason": step.reason, "diff": diff}


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "megabytes": {"type": "int", "required": True},
            "owner": {"type": "str", "default": "root"},
        },
        supports_check_mode=True,
    )
    given = module.params
    try:
        answer = run(Path(given["path"]), given["megabytes"] * MIB, given["owner"], module.check_mode)
    except MatriarchError as error:
        module.fail_json(msg=str(error), **error.details)
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
