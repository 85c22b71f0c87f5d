# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What would hurt a cluster that exists, or data that is not its own: reach, --limit, data, stamps, secrets. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.host import Directory, Host
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.preflight import CLUSTER, Case, Problem


def unreachable_hosts(case: Case) -> Iterator[Problem]:
    """A first installation needs every host; later a run goes on without some, as long as etcd can decide."""
    remedy = "make it reachable and run again"
    for name in case.unreachable:
        if not case.exists:
            yield Problem(
                name, "unreachable", "it cannot be reached, and a first installation needs every host", remedy
            )
        else:
            problem = "it cannot be reached and is left as it is"
            yield Problem(name, "unreachable", problem, "run again when it is back", "warn")
    etcd, silent = len(case.wish.etcd), [name for name in case.unreachable if name in case.wish.etcd]
    if case.exists and silent and etcd - len(silent) < _majority(etcd):
        yield Problem(
            CLUSTER,
            "quorum_at_risk",
            f"{', '.join(silent)} of {etcd} etcd members cannot be reached: no majority is left",
            "bring etcd back before anything is changed",
        )
    if case.exists and case.wish.postgres and not any(name not in case.unreachable for name in case.wish.postgres):
        problem = "none of the PostgreSQL hosts can be reached"
        yield Problem(CLUSTER, "postgres_unreachable", problem, "bring one back before anything is changed")


def limit(case: Case) -> Iterator[Problem]:
    """A first installation founds etcd and the cluster with everybody; later a run may be limited."""
    if case.left_out and not case.exists:
        yield Problem(
            CLUSTER,
            "limit_first_installation",
            f"--limit leaves out {', '.join(case.left_out)}, and nothing of the cluster is seen on the other hosts",
            "run without --limit (which is safe on a running cluster), or include a host that already belongs to it",
        )
    joining = [host.name for host in case.members("etcd") if not host.etcd_data.has_member]
    present = sum(host.etcd_data.has_member for host in case.members("etcd"))
    established = len(case.wish.etcd) - len(joining)
    left_out = [name for name in case.left_out if name in case.wish.etcd]
    if case.exists and joining and left_out and present < _majority(established):
        yield Problem(
            CLUSTER,
            "limit_etcd_join",
            f"{', '.join(joining)} would join etcd while --limit leaves out {', '.join(left_out)}",
            "include a majority of the etcd members, or run without --limit",
        )


def _majority(count: int) -> int:
    return count // 2 + 1


def postgresql_data(case: Case) -> Iterator[Problem]:
    for host in case.members("postgres"):
        yield from _other_version(case, host) if case.is_ours(host) else _foreign_data(host)


def _foreign_data(host: Host) -> Iterator[Problem]:
    """Data of this cluster is known by the stamp, or by Patroni's configuration; both are written before any data."""
    data = host.data
    if data.empty:
        return
    if data.version is None:
        problem = f"{data.path} is not empty ({_listed(data)}) and holds no PostgreSQL data"
    else:
        problem = f"{data.path} holds data of PostgreSQL {data.version} that this cluster did not make"
    remedy = "move it away, or choose another directory; it is never deleted or taken over here"
    yield Problem(host.name, "data_foreign", problem, remedy)


def _listed(data: Directory) -> str:
    return ", ".join(data.entries) or "unknown files"


def _other_version(case: Case, host: Host) -> Iterator[Problem]:
    """The path of the data may contain the version, so the stamp counts as well."""
    wanted = case.wish.postgresql_major
    stamped = host.stamp.postgresql_major if host.stamp else None
    found = host.data.major or stamped
    if found is None or found == wanted:
        return
    age = "newer" if found > wanted else "older"
    yield Problem(
        host.name,
        "postgresql_version_differs",
        f"its data is of PostgreSQL {found}, which is {age} than the {wanted} that is asked for",
        f"set pgcluster_postgresql_version to {found}; changing the version is an upgrade of its own",
    )


def system_identifiers(case: Case) -> Iterator[Problem]:
    by_identifier = defaultdict(list)
    for host in case.members("postgres"):
        if host.data.system_identifier is not None:
            by_identifier[host.data.system_identifier].append(host.name)
    if len(by_identifier) > 1:
        listed = "; ".join(f"{identifier} on {', '.join(names)}" for identifier, names in by_identifier.items())
        yield Problem(
            CLUSTER,
            "system_identifier_differs",
            f"the PostgreSQL hosts hold data of different clusters: {listed}",
            "find out which one is right, and move the others' data away; they become replicas of it then",
        )


def etcd_data(case: Case) -> Iterator[Problem]:
    """Before etcd there are certificates: a host that has our CA may well have a member of ours without a stamp."""
    for host in case.members("etcd"):
        ours = case.is_ours(host) or case.wish.ca_fingerprint in host.ca_fingerprints
        if not host.etcd_data.empty and not ours and not host.stamp:
            problem = f"{host.etcd_data.path} is not empty ({_listed(host.etcd_data)}) and not of this cluster"
            remedy = "move it away; it is never deleted or taken over here"
            yield Problem(host.name, "etcd_data_foreign", problem, remedy)


def other_cluster(case: Case) -> Iterator[Problem]:
    """An etcd host may serve several clusters; a PostgreSQL host and a proxy belong to one."""
    for name in {**case.wish.postgres, **case.wish.proxy}:
        host = case.hosts.get(name)
        if host is None:
            continue
        found = {host.stamp.cluster if host.stamp else None, host.patroni_scope} - {None, case.wish.name}
        if found:
            yield Problem(
                name,
                "other_cluster",
                f"it belongs to the cluster {', '.join(sorted(map(str, found)))}, not to {case.wish.name}",
                "set pgcluster_name to that, or take the host out of this cluster",
            )


def renamed_host(case: Case) -> Iterator[Problem]:
    for host in case.hosts.values():
        if host.stamp and host.stamp.host and host.stamp.host != host.name and case.is_ours(host):
            problem = f"it was deployed under the name {host.stamp.host}, which is the name of its member"
            yield Problem(host.name, "host_renamed", problem, f"call it {host.stamp.host} in the inventory again")


def lost_members(case: Case) -> Iterator[Problem]:
    known = {name for host in case.hosts.values() if host.stamp and case.is_ours(host) for name in host.stamp.members}
    for name in sorted(known - set(case.wish.addresses)):
        problem = f"{name} belongs to the cluster and is no longer in the inventory; it is left as it is"
        yield Problem(CLUSTER, "member_lost", problem, "put it back, or remove the member from the cluster", "warn")


def downgrade(case: Case) -> Iterator[Problem]:
    for host in case.hosts.values():
        stamped = host.stamp.version if host.stamp else None
        if stamped and _version(stamped) > _version(case.wish.collection_version):
            problem = f"it was deployed by release {stamped}, newer than this {case.wish.collection_version}"
            yield Problem(
                host.name, "release_newer", problem, f"use release {stamped} of the collection or a later one"
            )


def _version(text: str) -> tuple[int, ...]:
    """The leading numbers of a version, so that a pre-release counts as its release."""
    found = re.match(r"\d+(?:\.\d+)*", text)
    return tuple(int(part) for part in found.group(0).split(".")) if found else ()


def secrets(case: Case) -> Iterator[Problem]:
    """New secrets over an existing cluster would lock everybody out of it."""
    if case.uses_secrets and not case.wish.secrets_present:
        problem = "the cluster exists, and its secrets are not on this control node"
        yield Problem(
            CLUSTER, "secrets_missing", problem, "restore the folder pgcluster_secrets_directory from where it is"
        )
    for host in case.hosts.values():
        if host.ca_fingerprints and case.wish.ca_fingerprint not in host.ca_fingerprints:
            has = "has another certificate authority" if case.wish.ca_fingerprint else "has no certificate authority"
            yield Problem(
                host.name,
                "ca_differs",
                f"it trusts the certificate authority {host.ca_fingerprints[0][:16]}, and this control node {has}",
                "restore the folder pgcluster_secrets_directory with the authority that the hosts trust",
            )


RULES = (
    unreachable_hosts,
    limit,
    postgresql_data,
    system_identifiers,
    etcd_data,
    other_cluster,
    renamed_host,
    lost_members,
    downgrade,
    secrets,
)
