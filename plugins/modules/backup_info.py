#!/usr/bin/python
# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: backup_info
version_added: 0.1.0
short_description: Show a cluster's backups, and what they are worth now
description:
  - Asks the backup engine for all backups and all WAL in every repository, and tells which moments can be restored,
    what is missing, what would be lost if the cluster were lost now, and what the policy would remove next.
  - Runs on a member's host, and changes nothing.
  - Fails when not one repository can be read.
extends_documentation_fragment:
  - matriarch.pgcluster.reads_only
options:
  settings:
    description: Where the host keeps what is declared of the backups.
    type: path
    default: /etc/matriarch/backup/settings.json
requirements:
  - psycopg >= 3.1, for an exact RV(rpo_seconds) on the leader's host
author:
  - The Matriarch authors (@matriarch)
"""

EXAMPLES = r"""
- name: See what the backups are worth
  matriarch.pgcluster.backup_info:
  register: backups
"""

RETURN = r"""
cluster:
  description: The cluster.
  returned: success
  type: str
engine:
  description: The engine.
  returned: success
  type: str
repositories:
  description: The repositories in the order in which they are declared.
  returned: success
  type: list
  elements: dict
  contains:
    repository:
      description: Which one.
      type: str
    system_identifier:
      description: The PostgreSQL that it is for, null where it is not made ready.
      type: str
    problem:
      description: Why it could not be read, else empty.
      type: str
    missing_wal:
      description: WAL after the newest backup that is not there although later WAL is.
      type: list
      elements: str
    stored_bytes:
      description: What all its backups take.
      type: int
encrypted_by:
  description:
    - V(host) before anything leaves it, V(storage) when it came there, so that whoever runs the storage can read it, or
      V(nobody).
  returned: success
  type: str
backups:
  description: All backups, the oldest first.
  returned: success
  type: list
  elements: dict
  contains:
    label:
      description: Its name.
      type: str
    kind:
      description: V(full), V(differential) or V(incremental).
      type: str
    repository:
      description: The number of its repository, counted from 1.
      type: int
    started:
      description: When it began, in UTC.
      type: str
    stopped:
      description: When it ended, in UTC. No earlier moment can be restored from it.
      type: str
    seconds:
      description: How long it took.
      type: float
    timeline:
      description: The timeline on which it was made.
      type: int
    start_lsn:
      description: Where its WAL begins.
      type: str
    stop_lsn:
      description: The position from which on it is consistent.
      type: str
    size_bytes:
      description: The size of the data.
      type: int
    stored_bytes:
      description: What it added to the repository.
      type: int
    required:
      description: The backups that it builds on.
      type: list
      elements: str
    faulty:
      description: Whether pages were found whose checksums do not fit.
      type: bool
    restorable:
      description: Whether it is sound, and all that it needs is there.
      type: bool
    would_expire:
      description: Whether the policy keeps it no longer.
      type: bool
wal:
  description: All WAL, in stretches without a gap.
  returned: success
  type: list
  elements: dict
  contains:
    repository:
      description: The number of its repository.
      type: int
    timeline:
      description: Its timeline.
      type: int
    first:
      description: The name of its first segment.
      type: str
    last:
      description: The name of its last segment.
      type: str
    until:
      description: When that came into the repository, in UTC.
      type: str
restorable_from:
  description: The earliest moment that can be restored, in UTC; null where none can.
  returned: success
  type: str
restorable_until:
  description: The latest one.
  returned: success
  type: str
rpo_seconds:
  description:
    - What would be lost if all hosts were lost now, in seconds of work; null where there is no backup.
    - 0 when everything is archived, which only the leader's host can tell; elsewhere the age of the last archived WAL.
  returned: success
  type: float
newest:
  description: The backup that ended last.
  returned: success
  type: str
newest_age_seconds:
  description: How long ago that was.
  returned: success
  type: float
keep_days:
  description: For how many days every moment is kept.
  returned: success
  type: int
"""

from datetime import UTC, datetime
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup import command
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.instance import Instance
from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.registry import engine
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model import lsn
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_settings import SETTINGS_FILE, Settings
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.wal import FILE, Segment
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.backup_report import Archiver, report


def run(params: dict[str, Any]) -> dict[str, Any]:
    """Read everything. Raises MatriarchError."""
    settings = Settings.read(params["settings"])
    archiver = archiver_of(settings)
    catalog = engine(settings.engine).catalog(settings, command.call)
    told = report(settings, catalog, archiver, datetime.now(UTC))
    return {"changed": False, "encrypted_by": encrypted_by(settings), **told}


def encrypted_by(settings: Settings) -> str:
    """Who encrypts what is kept."""
    if not settings.encrypted:
        return "nobody"
    return "host" if engine(settings.engine).encrypts else "storage"


def archiver_of(settings: Settings) -> Archiver | None:
    """How far this member's archiver is; None for a standby, and for a PostgreSQL that does not answer."""
    try:
        with Instance(settings.socket_directory, settings.postgres_port) as instance:
            standing, told = instance.standing(), instance.archiver()
    except MatriarchError:
        return None
    if standing["in_recovery"]:
        return None
    last = told["last_archived_wal"] or ""
    segment = Segment.parse(last) if FILE.match(last) else None
    return Archiver(segment, lsn.parse(standing["current_lsn"]), told["ready_files"])


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(
        argument_spec={"settings": {"type": "path", "default": SETTINGS_FILE}}, supports_check_mode=True
    )
    try:
        answer = run(module.params)
    except MatriarchError as error:
        module.fail_json(msg=str(error), **error.details)
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
