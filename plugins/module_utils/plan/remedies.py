# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The next command for a finding, to be copied into a shell: names are quoted. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

FAILOVER = "ansible-playbook failover.yml --check"
ROLLING_RESTART = "ansible-playbook rolling_restart.yml"
ROLLING_UPDATE = "ansible-playbook rolling_update.yml"
DISARM_ETCD = "ansible-playbook etcd_maintenance.yml -e etcd_maintenance_action=disarm"
JOIN_ETCD_ANEW = (
    "on the one that differs from most: systemctl stop etcd, and move its data directory aside; then "
    "ansible-playbook site.yml, which lets it join anew"
)
END_MAINTENANCE = "ansible-playbook maintenance.yml -e state=resumed"
CANCEL_SWITCHOVER = "nothing to do; to cancel it: ansible-playbook switchover.yml -e switchover_cancel=true"
SITE = "ansible-playbook site.yml"
FOLLOWER = (
    "PostgreSQL's log there tells what it waits for; the status of the cluster that it follows, whether that archives"
)
BACKUP = "ansible-playbook backup.yml"
BACKUP_INFO = "ansible-playbook backup_info.yml"
DRILL = "ansible-playbook restore_drill.yml"
VERIFY = "ansible-playbook backup_verify.yml"

GIVE_UP_RESTORE = "ansible-playbook restore.yml -e abandon=true"


def finish_restore(cluster: str) -> str:
    """Go on with a restore that stands."""
    return f"ansible-playbook restore.yml -e confirm={shlex.quote(cluster)}"


def converge(host: str) -> str:
    """Make a host what the inventory says."""
    return f"{SITE} --limit {shlex.quote(host)}"


def bring_back(host: str) -> str:
    """What a host needs that is away."""
    return f"bring it back, then {converge(host)}"


def clone_again(member: str) -> str:
    """Give up a replica's data for a new copy of the leader's."""
    return f"ansible-playbook member.yml -e member={shlex.quote(member)} -e state=reinitialized"


def clone_if_stuck(member: str) -> str:
    """The same, where its log says that it has no other way to the leader's WAL."""
    return f"{journal('patroni', [member])}; where it cannot follow this leader: {clone_again(member)}"


def hand_over(leader: str) -> str:
    """Have another member lead, so that this one can be cloned again."""
    return f"ansible-playbook switchover.yml, then {clone_again(leader)}"


def make_room(path: str, host: str, *, inodes: bool = False) -> str:
    """Find what fills a file system."""
    unit = "--inodes" if inodes else "--human-readable"
    return f"enlarge it, or see what fills it: du -x {unit} --max-depth=2 {shlex.quote(path)}, on {host}"


def drop(ballast: str) -> str:
    """Give PostgreSQL the room that was kept back for it (ballast_file)."""
    return f"where PostgreSQL has stopped, it starts again after: rm {shlex.quote(ballast)}"


def kernel_log(host: str) -> str:
    """Why the kernel gave a disk up."""
    return f"journalctl -k -p warning -n 50, on {host}; stop Patroni, repair it (fsck), mount it again, start Patroni"


def journal(unit: str, hosts: Iterable[str]) -> str:
    """Read what a service says, on the hosts where it is in trouble."""
    return f"journalctl -u {unit} -n 50, on {listed(hosts) or 'its hosts'}"


def restart(unit: str, host: str) -> str:
    """Start a service anew on one host."""
    return f"systemctl restart {unit}, on {host}"


def listed(names: Iterable[str]) -> str:
    """Names for a sentence."""
    return ", ".join(names)
