# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the disks, as the hosts tell it: no room, no files, no writing, damaged pages. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.status import Finding, Status
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.remedies import (
    clone_again,
    drop,
    hand_over,
    kernel_log,
    make_room,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.words import size

BALLAST = "ballast"
"""Room that was kept back."""


def full_volumes(status: Status) -> Iterator[Finding]:
    limit = status.limits.free_percent
    for host, volume in status.volumes():
        if volume.free_percent < limit:
            left = f"{size(volume.free_bytes)} of {size(volume.total_bytes)}"
            problem = f"{volume.name} has {left} left ({volume.free_percent:.0f} %), less than {limit:g} %"
            ballast = volume.holds.get(BALLAST)
            then = f"; {drop(ballast)}" if ballast else ""
            yield Finding(host, problem, make_room(volume.path, host) + then)


def volumes_without_files(status: Status) -> Iterator[Finding]:
    limit = status.limits.free_percent
    for host, volume in status.volumes():
        if volume.free_files_percent < limit:
            left = f"{volume.free_files} of {volume.total_files} files"
            problem = (
                f"{volume.name} takes no more than {left} ({volume.free_files_percent:.0f} %), less than {limit:g} %"
            )
            yield Finding(host, problem, make_room(volume.path, host, inodes=True))


def read_only_volumes(status: Status) -> Iterator[Finding]:
    for host, volume in status.volumes():
        if volume.read_only:
            yield Finding(host, f"nothing can be written to {volume.name}", kernel_log(host))


def damaged_pages(status: Status) -> Iterator[Finding]:
    """A member's data is its own: the others may be sound, and a new copy of the leader's is."""
    leader = status.leader.name if status.leader else None
    for host, instance in status.instances():
        for database, count in instance.damaged_pages.items():
            problem = (
                f"{count} times a page of {database} did not fit its checksum when it was read: its disk is not sound"
            )
            yield Finding(host, problem, hand_over(host) if host == leader else clone_again(host))


RULES = (full_volumes, volumes_without_files, read_only_volumes, damaged_pages)
