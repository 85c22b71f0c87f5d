# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a standby cluster may become a cluster of its own now. Pure.

Two clusters that both take writes are two truths. And what the archive holds and is not replayed would be lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import ClusterState
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.following import BEHIND, SILENT, Following
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.primary_site import ALIVE, SiteHost


@dataclass(frozen=True)
class Accepted:
    """What the operator takes upon himself: a commit so old (seconds), log that is not replayed, a living primary."""

    maximum_lag_seconds: float = 900.0
    unreplayed: bool = False
    living_primary: bool = False


def refusals(
    cluster: ClusterState, following: Following | None, site: tuple[SiteHost, ...], accepted: Accepted
) -> tuple[str, ...]:
    """Why it must not be; a sentence each, with what to say when it shall be all the same."""
    return (*_of_the_cluster(cluster), *_of_the_site(site, accepted), *_of_the_log(following, accepted))


def _of_the_cluster(cluster: ClusterState) -> Iterator[str]:
    leader = cluster.leader
    if leader is None:
        yield "nobody leads the standby cluster. Next: playbooks/status.yml"
    elif not leader.is_up:
        yield f"{leader.described}. Next: its Patroni's journal"
    if cluster.paused:
        yield "Patroni is paused, and would promote nobody. Next: playbooks/maintenance.yml -e state=resumed"


def _of_the_site(site: tuple[SiteHost, ...], accepted: Accepted) -> Iterator[str]:
    alive = [host for host in site if host.state == ALIVE]
    if alive and not accepted.living_primary:
        seen = "; ".join(f"{host.address}: {host.reason}" for host in alive)
        yield (
            f"the cluster that it follows is alive ({seen}). Next: stop it for good (systemctl disable --now patroni, "
            "on all its data hosts); or, where both shall take writes from now on, -e primary_is_alive=true"
        )


def _of_the_log(following: Following | None, accepted: Accepted) -> Iterator[str]:
    if following is None:
        yield "its leader reads no archive. Next: ansible-playbook site.yml"
        return
    if following.archive in (BEHIND, SILENT) and not accepted.unreplayed:
        lost = {BEHIND: "that would be lost", SILENT: "nobody knows what it has"}[following.archive]
        yield f"{following.told}: {lost}. Next: wait, or -e accept_unreplayed=true"
    age = following.last_commit_age_seconds
    if age is None or age > accepted.maximum_lag_seconds:
        old = "no commit was replayed since it began" if age is None else f"the last replayed commit is {age:.0f} s old"
        yield (
            f"{old}, more than {accepted.maximum_lag_seconds:g} s: either nobody wrote, or the archive did not get it. "
            "Next: say how much may be lost, -e maximum_lag_seconds=N"
        )
