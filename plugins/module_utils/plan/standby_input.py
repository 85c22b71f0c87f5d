# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with what is declared of the cluster that a standby cluster follows. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

REQUIRED = ("cluster", "repositories", "hosts")
KNOWN = frozenset({*REQUIRED, "engine", "passphrase", "postgres_port", "patroni_port", "ca_certificate"})

Place = tuple[object, ...]


def problems(name: str, source: Mapping[str, Any], own: Collection[Mapping[str, Any]]) -> list[str]:
    """A sentence each. `own`: the repositories of the cluster `name` itself, as its inventory declares them."""
    return list(_of_the_source(name, source)) or list(_of_shared_places(name, source, own))


def _of_the_source(name: str, source: Mapping[str, Any]) -> Iterator[str]:
    if missing := [key for key in REQUIRED if not source.get(key)]:
        yield f"pgcluster_standby_of lacks {', '.join(missing)}"
    if unknown := sorted(set(source) - KNOWN):
        yield f"pgcluster_standby_of has {', '.join(unknown)}; known are {', '.join(sorted(KNOWN))}"
    if source.get("cluster") == name:
        yield f"pgcluster_standby_of is {name} itself: a standby cluster has a pgcluster_name of its own"
    if not isinstance(source.get("hosts", []), (list, tuple)):
        yield "hosts of pgcluster_standby_of must be a list of addresses"


def _of_shared_places(name: str, source: Mapping[str, Any], own: Collection[Mapping[str, Any]]) -> Iterator[str]:
    """Both have the same system identifier, so that no engine would tell their WAL apart."""
    theirs = {_place(each, str(source["cluster"])) for each in source["repositories"]}
    for number, each in enumerate(own, 1):
        if _place(each, name) in theirs:
            yield (
                f"backup_repositories {number} of {name} is the place where {source['cluster']} keeps its backups: "
                "after a promotion both would write there. Give it a path of its own"
            )


def _place(repository: Mapping[str, Any], cluster: str) -> Place:
    path = str(repository.get("path") or f"/{cluster}").rstrip("/")
    if repository.get("type") == "directory":
        return ("directory", repository.get("path") or cluster)
    return ("s3", repository.get("endpoint"), repository.get("bucket"), path)
