#!/usr/bin/python
# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: set_aside
version_added: 0.1.0
short_description: Move a file or directory out of the way, without deleting anything
description:
  - Renames a file or directory to a name beside it, in one step.
  - What does not exist is out of the way already. A name that is taken is refused.
  - A data directory of PostgreSQL is refused while a server runs on it, and where it has tablespaces.
attributes:
  check_mode:
    description: Can run in check mode and predict the new name.
    support: full
  diff_mode:
    description: Shows what has changed in diff mode.
    support: full
  idempotent:
    description: Running it twice in a row outside check mode changes nothing the second time.
    support: full
options:
  path:
    description: What to move.
    type: path
    required: true
  suffix:
    description: What its name gets appended after a dot.
    type: str
    required: true
  replacement:
    description:
      - What takes its place in the same moment, on the same file system. One that does not exist has taken it already.
    type: path
author:
  - The Matriarch authors (@matriarch)
"""

EXAMPLES = r"""
- name: Move the old data out of the way
  matriarch.pgcluster.set_aside:
    path: /var/lib/etcd/shop
    suffix: lost-20260131T120000Z

- name: Put what was restored in the place of the old data
  matriarch.pgcluster.set_aside:
    path: /var/lib/etcd/shop
    suffix: lost-20260131T120000Z
    replacement: /var/lib/etcd/shop.restored
"""

RETURN = r"""
aside:
  description: Where it lies now, or would; null where there was nothing to move.
  returned: success
  type: str
  sample: /var/lib/etcd/shop.lost-20260131T120000Z
"""

import os
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.data_folder import has_tablespaces, is_running
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError, Refused


def set_aside(path: Path, suffix: str, replacement: Path | None, check_mode: bool) -> dict[str, Any]:
    """Rename, unless there is nothing to rename. Raises Refused where the new name is taken or is no name.

    A server that runs on it would go on in what was renamed, and take writes there. What would be stopped before is no
    hindrance in check mode.
    """
    if not suffix or "/" in suffix:
        raise Refused(f"'suffix' is {suffix!r}: it must be part of a name")
    aside = path.with_name(f"{path.name}.{suffix}")
    moves = [(path, aside), *([(replacement, path)] if replacement else [])]
    if not os.path.lexists(moves[-1][0]):
        return {"changed": False, "aside": None}
    if os.path.lexists(aside):
        raise Refused(f"{path} cannot be moved aside: {aside} exists already. Next: choose another 'suffix'")
    if has_tablespaces(path):
        raise Refused(f"{path} has tablespaces, which would stay where they are. Next: move all to pg_default")
    if not check_mode and is_running(path):
        raise Refused(f"{path} cannot be moved aside: a PostgreSQL runs on it. Next: stop it")
    due = [(source, target) for source, target in moves if os.path.lexists(source)]
    if not check_mode:
        for source, target in due:
            _rename(source, target)
    diff = {"before": {"path": str(due[0][0])}, "after": {"path": str(due[0][1])}}
    return {"changed": True, "aside": str(aside) if due[0][1] == aside else None, "diff": diff}


def _rename(source: Path, target: Path) -> None:
    try:
        source.rename(target)
    except OSError as error:
        raise MatriarchError(f"{source} could not be renamed to {target}: {error.strerror or error}") from error


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "suffix": {"type": "str", "required": True},
            "replacement": {"type": "path"},
        },
        supports_check_mode=True,
    )
    try:
        given = module.params
        replacement = Path(given["replacement"]) if given["replacement"] else None
        answer = set_aside(Path(given["path"]), given["suffix"], replacement, module.check_mode)
    except MatriarchError as error:
        module.fail_json(msg=str(error), **error.details)
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
