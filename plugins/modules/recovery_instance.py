#!/usr/bin/python
# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: recovery_instance
version_added: 0.1.0
short_description: Bring restored data to a moment, and prove that it is there
description:
  - Runs a PostgreSQL that no client reaches on a data directory that a backup was restored into, has it replay archived
    log, and takes PostgreSQL's own word that the target was reached. That the data became consistent is not enough.
  - The server is a transient unit of systemd, so it outlives whoever began it, and another run goes on with it.
  - Nothing is archived meanwhile. What the new timeline writes is kept until the cluster has it.
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
      - V(recovered) replays up to the target, and leaves the server paused there.
      - V(promoted) has it begin a new timeline, and stops it in order.
      - V(stopped) stops the server, wherever it is.
    type: str
    choices: [recovered, promoted, stopped]
    default: recovered
  data_directory:
    description: The restored data, with the mark that the copying left.
    type: path
    required: true
  run_directory:
    description: Where its socket and its access rules lie; made when it is missing.
    type: path
    default: /run/matriarch-restore
  log_file:
    description: What the server says.
    type: path
    required: true
  binary_directory:
    description: Where PostgreSQL's programs lie.
    type: path
    required: true
  port:
    description: The port in the name of its socket.
    type: int
    default: 5432
  owner:
    description: Who owns the data and runs the server.
    type: str
    default: postgres
  unit:
    description: The name of its transient unit.
    type: str
    default: matriarch-recovery
  target:
    description: Where the recovery ends, as P(matriarch.pgcluster.recovery_target#filter) writes it.
    type: str
  inclusive:
    description: Whether the transaction or the record at the very target is replayed, too.
    type: bool
    default: true
  timeline:
    description: A timeline's number, or V(latest).
    type: str
    default: latest
  restore_command:
    description: PostgreSQL's parameter of that name.
    type: str
  at_least:
    description: A position that must be replayed with the target V(latest), whose end nothing else tells.
    type: str
    default: ""
  above_timeline:
    description: The new timeline must have a higher number; those up to it are in use.
    type: int
    default: 0
  parameters:
    description: Parameters of PostgreSQL for this server.
    type: dict
    default: {}
  wait_timeout:
    description: How long to wait for the target, in seconds.
    type: float
    default: 3600.0
author:
  - The Matriarch authors (@matriarch)
"""

EXAMPLES = r"""
- name: Bring the restored data to just before the mistake
  matriarch.pgcluster.recovery_instance:
    data_directory: /var/lib/postgresql/17/shop.restore-20261201T020000Z
    log_file: /var/lib/postgresql/17/shop.restore-20261201T020000Z.log
    binary_directory: /usr/lib/postgresql/17/bin
    target: time:2026-12-01T02:00:00+00:00
    restore_command: pgbackrest --stanza=shop archive-get %f "%p"
"""

RETURN = r"""
stage:
  description: How far the data is.
  returned: success
  type: str
  sample: recovered
evidence:
  description: What was seen when the target was reached, and later when the timeline began.
  returned: success
  type: dict
  contains:
    target:
      description: The target.
      type: str
    words:
      description: How PostgreSQL's log tells that it was reached.
      type: str
      sample: recovery stopping before commit of transaction 746, time 2026-12-01 02:00:01.5+00
    replayed:
      description: The position up to which log was replayed.
      type: str
      sample: 0/5000060
    last_commit:
      description: When the last transaction was committed or rolled back that was replayed; empty where none was.
      type: str
      sample: "2026-12-01T01:59:58.123456+00:00"
    seconds:
      description: How long the replay took.
      type: float
    timeline:
      description: The new timeline, once it has begun.
      type: int
"""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.data_folder import read_mark
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.private_instance import Setup
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError, Refused
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.recovery import parse_target
from ansible_collections.matriarch.pgcluster.plugins.module_utils.restore.recovering import Recovering


def recovering(params: dict[str, Any]) -> Recovering:
    """The recovery that the parameters describe. Raises Refused where the data is not what the target is for."""
    data = Path(params["data_directory"])
    target = parse_target(params["target"], inclusive=params["inclusive"], timeline=params["timeline"])
    mark = read_mark(data)
    if mark is None or not mark.stage:
        raise Refused(f"{data} has no mark of a restore that was copied. Next: copy the backup first")
    if mark.target != target.told:
        raise Refused(f"{data} was restored for {mark.target}, not for {target.told}")
    recovery = {**target.settings, "restore_command": params["restore_command"]}
    setup = Setup(
        programs=params["binary_directory"],
        data=data,
        run=Path(params["run_directory"]),
        port=params["port"],
        recovery=recovery,
        parameters=params["parameters"],
    )
    return Recovering(setup, target, params["owner"], params["unit"], params["log_file"], params["at_least"])


def run(params: dict[str, Any]) -> dict[str, Any]:
    """Recover, promote or stop."""
    if params["state"] == "stopped":
        return {"changed": Recovering.end(params["unit"])}
    work = recovering(params)
    before = work.mark
    began = time.monotonic()
    if params["state"] == "recovered":
        work.recover(params["wait_timeout"])
    else:
        work.promote(params["wait_timeout"], above=params["above_timeline"])
    after = work.mark
    if after.stage == "recovered" and before.stage == "copied":
        after = replace(after, evidence={**after.evidence, "seconds": round(time.monotonic() - began, 1)})
        work.keep(after)
    return {"changed": after != before, "stage": after.stage, "evidence": dict(after.evidence)}


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["recovered", "promoted", "stopped"], "default": "recovered"},
            "data_directory": {"type": "path", "required": True},
            "run_directory": {"type": "path", "default": "/run/matriarch-restore"},
            "log_file": {"type": "path", "required": True},
            "binary_directory": {"type": "path", "required": True},
            "port": {"type": "int", "default": 5432},
            "owner": {"type": "str", "default": "postgres"},
            "unit": {"type": "str", "default": "matriarch-recovery"},
            "target": {"type": "str"},
            "inclusive": {"type": "bool", "default": True},
            "timeline": {"type": "str", "default": "latest"},
            "restore_command": {"type": "str"},
            "at_least": {"type": "str", "default": ""},
            "above_timeline": {"type": "int", "default": 0},
            "parameters": {"type": "dict", "default": {}},
            "wait_timeout": {"type": "float", "default": 3600.0},
        },
        required_if=[
            ("state", "recovered", ("target", "restore_command")),
            ("state", "promoted", ("target", "restore_command")),
        ],
    )
    try:
        answer = run(module.params)
    except MatriarchError as error:
        module.fail_json(msg=str(error), **error.details)
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
