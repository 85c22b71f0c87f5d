#!/usr/bin/python
# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: restore_data
version_added: 0.1.0
short_description: Bring a backup beside a member's data, and later into its place
description:
  - Has the backup engine that is declared on the host restore a backup into a directory beside the data directory, as a
    transient unit of systemd, so that it goes on when whoever began it dies.
  - Puts the directory into the place of the data once it is whole, or removes it.
  - Never touches data that was not made by this module.
attributes:
  check_mode:
    description: Can run in check mode and return what it would without it.
    support: none
  diff_mode:
    description: Shows what has changed in diff mode.
    support: none
  idempotent:
    description: Running it twice in a row outside check mode changes nothing the second time.
    support: full
options:
  state:
    description:
      - V(copied) restores the backup, or waits for one that is being restored.
      - V(adopted) renames the directory to that of the data, where nothing must be any more.
      - V(absent) removes the directory and its logs, and stops what works on it.
    type: str
    choices: [copied, adopted, absent]
    default: copied
  data_directory:
    description: The member's data directory; the copy lies beside it.
    type: path
    required: true
  binary_directory:
    description: Where PostgreSQL's programs lie.
    type: path
    required: true
  stamp:
    description: Which restore this is; part of the directory's name.
    type: str
    required: true
  target:
    description:
      - Where the recovery will end, as P(matriarch.pgcluster.recovery_target#filter) writes it. For O(state=copied).
    type: str
  wish:
    description: All that tells this restore from another one; kept with the data. For O(state=copied).
    type: dict
    default: {}
  label:
    description: The backup. For O(state=copied).
    type: str
  repository:
    description: The number of the repository to take it from.
    type: int
    default: 1
  system_identifier:
    description: Which cluster's data it must be. Empty, any will do.
    type: str
    default: ""
  settings_file:
    description: Where the declared backups are described.
    type: path
    default: /etc/matriarch/backup/settings.json
  owner:
    description: Who owns the data and runs the engine.
    type: str
    default: postgres
  unit:
    description: The name of the transient unit.
    type: str
    default: matriarch-restore
  recovery_unit:
    description: The unit of a private PostgreSQL that may run on the data. It is stopped before the data is removed.
    type: str
    default: matriarch-recovery
  wait_timeout:
    description: How long to wait for the engine, in seconds.
    type: float
    default: 14400.0
author:
  - The Matriarch authors (@matriarch)
"""

EXAMPLES = r"""
- name: Bring the backup there
  matriarch.pgcluster.restore_data:
    data_directory: /var/lib/postgresql/17/shop
    binary_directory: /usr/lib/postgresql/17/bin
    stamp: 20261201T020000Z
    target: time:2026-12-01T02:00:00+00:00
    label: 20261130-010000F
"""

RETURN = r"""
folder:
  description: Where it lies.
  returned: success
  type: str
seconds:
  description: How long the engine took, as far as this run saw it.
  returned: when O(state=copied)
  type: float
"""

import shutil
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients import transient_unit
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.data_folder import (
    control_data,
    make_owned,
    read_mark,
    tail,
    write_mark,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.engine import RestoreWish
from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.registry import engine
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import (
    DeadlineExceeded,
    MatriarchError,
    Refused,
    RemoteError,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_settings import Settings
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.restore_mark import RestoreMark, beside
from ansible_collections.matriarch.pgcluster.plugins.module_utils.wait import wait_until

LOOKS = 0.2
"""Seconds between two looks at the engine. A restore that takes long is not kept from its work by them."""


def copied(params: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Have the engine restore, and mark what it restored."""
    mark = read_mark(folder, params["stamp"])
    if mark and mark.stage:
        return {"changed": False, "seconds": 0.0}
    log = Path(f"{folder}.copy.log")
    if not transient_unit.state(params["unit"]).runs:
        begin(params, folder, log)
    outcome = wait_until(
        lambda: transient_unit.state(params["unit"]),
        lambda state: not state.runs,
        seconds=params["wait_timeout"],
        interval=LOOKS,
    )
    if not outcome.reached:
        raise DeadlineExceeded(f"the engine still restores after {outcome.seconds:.0f} s. Next: run this again")
    if outcome.last.status or outcome.last.result != "success":
        raise RemoteError(
            f"the engine could not restore {params['label']}: {tail(log)} The cluster was not touched; see {log}",
            reason=tail(log),
        )
    see_what_came(params, folder)
    write_mark(folder, RestoreMark(params["stamp"], params["target"], "copied", wish=params["wish"]))
    return {"changed": True, "seconds": round(outcome.seconds, 1)}


def begin(params: dict[str, Any], folder: Path, log: Path) -> None:
    """Start the engine on an empty directory. What an earlier attempt of this restore left unfinished is removed."""
    settings = Settings.read(params["settings_file"])
    if folder.exists():
        shutil.rmtree(folder)
    make_owned(folder, params["owner"])
    # Where the recovery ends is for whoever recovers to say: nothing shall lie in a file.
    wish = RestoreWish(str(folder), "latest", label=params["label"], repository=params["repository"])
    command = engine(settings.engine).restore(settings, wish)
    transient_unit.start(transient_unit.Work(params["unit"], command, params["owner"], str(log)))


def see_what_came(params: dict[str, Any], folder: Path) -> None:
    """Raises RemoteError where it is not the data that was wished for."""
    control = control_data(params["binary_directory"], folder)
    if control is None:
        raise RemoteError(f"the engine ended well, but {folder} holds no data")
    if params["system_identifier"] and control.system_identifier != params["system_identifier"]:
        raise RemoteError(
            f"{folder} holds another cluster's data: system identifier {control.system_identifier}, "
            f"not {params['system_identifier']}"
        )


def adopted(params: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Rename it into its place. Raises Refused where something else is there, or it is not ready."""
    data = Path(params["data_directory"])
    if read_mark(data, params["stamp"]):
        return {"changed": False, "folder": str(data)}
    if data.exists():
        raise Refused(f"{data} is not free. Next: set aside what lies there")
    mark = read_mark(folder, params["stamp"])
    if mark is None or mark.stage != "promoted":
        raise Refused(f"{folder} is not ready to be served: it is {mark.stage if mark else 'not there'}")
    folder.rename(data)
    return {"changed": True, "folder": str(data)}


def absent(params: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Stop what works on it, and remove it."""
    for unit in (params["unit"], params["recovery_unit"]):
        transient_unit.stop(unit)
    logs = [log for suffix in (".copy.log", ".log") if (log := Path(f"{folder}{suffix}")).exists()]
    there = folder.exists() or bool(logs)
    if folder.exists():
        shutil.rmtree(folder)
    for log in logs:
        log.unlink()
    return {"changed": there}


STATES = {"copied": copied, "adopted": adopted, "absent": absent}


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": list(STATES), "default": "copied"},
            "data_directory": {"type": "path", "required": True},
            "binary_directory": {"type": "path", "required": True},
            "stamp": {"type": "str", "required": True},
            "target": {"type": "str"},
            "wish": {"type": "dict", "default": {}},
            "label": {"type": "str"},
            "repository": {"type": "int", "default": 1},
            "system_identifier": {"type": "str", "default": ""},
            "settings_file": {"type": "path", "default": "/etc/matriarch/backup/settings.json"},
            "owner": {"type": "str", "default": "postgres"},
            "unit": {"type": "str", "default": "matriarch-restore"},
            "recovery_unit": {"type": "str", "default": "matriarch-recovery"},
            "wait_timeout": {"type": "float", "default": 14400.0},
        },
        required_if=[("state", "copied", ("target", "label"))],
    )
    try:
        folder = beside(Path(module.params["data_directory"]), module.params["stamp"])
        answer = STATES[module.params["state"]](module.params, folder)
    except MatriarchError as error:
        module.fail_json(msg=str(error), **error.details)
    except OSError as error:
        module.fail_json(msg=f"{error.filename}: {error.strerror}")
    module.exit_json(**{"folder": str(folder), **answer})


if __name__ == "__main__":
    main()
