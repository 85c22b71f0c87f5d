# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the place that is declared for WAL (pgcluster_wal_directory). Pure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.host import Host
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.preflight import (
    CLUSTER,
    SEGMENT_MB,
    Case,
    Problem,
)


def wal_place(case: Case) -> Iterator[Problem]:
    """It is removed and made anew with each copy of a member: a directory below a volume, and nobody else's."""
    place, data = PurePosixPath(case.wish.wal_directory), PurePosixPath(case.wish.data_directory)
    if not case.wish.wal_directory:
        return
    if not place.is_absolute() or len(place.parts) < 3 or place.is_relative_to(data) or data.is_relative_to(place):
        problem = f"pgcluster_wal_directory is {place}: no place beside the data that PostgreSQL can make itself"
        yield Problem(CLUSTER, "wal_place", problem, "a directory below the volume's, such as /wal/main")


def wal_of_copies(case: Case) -> Iterator[Problem]:
    if case.wish.wal_directory and case.wish.restores_replicas:
        problem = "pgcluster_wal_directory is declared, and what comes from a repository has its WAL beside its data"
        remedy = "do without one of them: pgcluster_wal_directory, or backup_repositories and pgcluster_standby_of"
        yield Problem(CLUSTER, "wal_of_copies", problem, remedy)


def wal_segments(case: Case) -> Iterator[Problem]:
    """Positions are found in a repository by the names of its segments, which tell nothing of their size."""
    if case.wish.restores_replicas and case.wish.segment_mb != SEGMENT_MB:
        problem = (
            f"patroni_initdb has WAL in segments of {case.wish.segment_mb} MB, and backups are known to be restorable "
            f"with those of {SEGMENT_MB} MB alone"
        )
        remedy = "take wal-segsize out of patroni_initdb before the cluster is made, or do without backup_repositories"
        yield Problem(CLUSTER, "wal_segments", problem, remedy)


def wal_elsewhere(case: Case) -> Iterator[Problem]:
    """Of members that exist. Where nothing is declared their next copy has its WAL beside its data, which works."""
    for host in case.members("postgres"):
        declared = case.wish.wal_directory or _beside(host)
        found = host.data.wal_elsewhere or _beside(host)
        if host.data.version is not None and found != declared:
            problem = f"its WAL is in {found}, and is to be in {declared}: nobody moves it"
            moves = f"mv -T {found} {declared} && ln -sfT {declared} {_beside(host)}"
            remedy = f"declare what is; or, on standbys first and with Patroni stopped, one after the other: {moves}"
            yield Problem(host.name, "wal_elsewhere", problem, remedy, "refuse" if case.wish.wal_directory else "warn")


def _beside(host: Host) -> str:
    return f"{host.data.path}/pg_wal"


RULES = (wal_place, wal_of_copies, wal_segments, wal_elsewhere)
