# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with single hosts, or with their differences: system, memory, disks, clocks, ports, kernel. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.host import Host
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.preflight import CLUSTER, Case, Problem

CLOCK_WARN = 2.0
CLOCK_REFUSE = 30.0
"""Seconds. Certificates that are made on the control node are not valid yet on a host that is far behind."""

TRANSPORT = 3.0
"""Seconds that the question may have taken to a host; so much ahead a clock may seem without being so."""

SWAPPINESS = 10
"""Above this the kernel swaps out a database that is not busy at the moment."""


def operating_system(case: Case) -> Iterator[Problem]:
    if not case.wish.supported:
        return
    known = "; ".join(f"{system} {', '.join(releases)}" for system, releases in case.wish.supported.items())
    for host in case.hosts.values():
        releases = case.wish.supported.get(host.os_id, ())
        if not set(host.os_release) & set(releases):
            yield Problem(host.name, "os_unsupported", f"{host.os_name} is not supported", f"supported are {known}")


def offered(case: Case) -> Iterator[Problem]:
    """Only a warning: a host may have been given another repository before we came."""
    wanted = case.wish.postgresql_major
    for host in () if case.exists else case.members("postgres"):
        for major in (case.wish.offered[release] for release in host.os_release if release in case.wish.offered):
            if major != wanted:
                yield Problem(
                    host.name,
                    "postgresql_not_offered",
                    f"{host.os_name} has PostgreSQL {major}, and {wanted} is wanted",
                    f"set pgcluster_postgresql_version to {major}, or name a repository that has {wanted} "
                    "(pgcluster_package_source: pgdg, or node_repositories)",
                    "warn",
                )


def collation(case: Case) -> Iterator[Problem]:
    """An index that one C library sorted is corrupt to another: members must have the same."""
    described = {host.name: f"{host.os_name}, glibc {host.glibc or 'unknown'}" for host in case.members("postgres")}
    libraries = {(host.os_id, host.os_release, host.glibc) for host in case.members("postgres")}
    if len(libraries) > 1:
        listed = "; ".join(f"{name}: {text}" for name, text in described.items())
        yield Problem(
            CLUSTER,
            "collation_differs",
            f"the PostgreSQL hosts differ in operating system or C library, and so in the order of text ({listed})",
            "install the same release on all of them: indexes would be corrupt after a switchover",
        )


def architecture(case: Case) -> Iterator[Problem]:
    kinds = {host.arch for host in case.members("postgres")}
    if len(kinds) > 1:
        problem = f"the PostgreSQL hosts have different architectures ({', '.join(sorted(kinds))})"
        yield Problem(
            CLUSTER, "architecture_differs", problem, "physical replication needs the same one on all of them"
        )


def memory(case: Case) -> Iterator[Problem]:
    least = case.wish.minimum_memory_mb
    for host in case.hosts.values():
        if host.memory_mb < least:
            problem = f"it has {host.memory_mb} MiB of memory, and {least} are needed"
            yield Problem(host.name, "memory", problem, "give it more memory", _unless_deployed(case, host))


def disks(case: Case) -> Iterator[Problem]:
    least = case.wish.minimum_disk_mb
    for host in case.hosts.values():
        for path, disk in host.disks.items():
            if disk.read_only:
                problem = f"the file system of {path} is read-only"
                yield Problem(host.name, "disk_read_only", problem, "repair it and mount it for writing")
            elif disk.free_mb < least:
                problem = f"{disk.free_mb} MiB are free for {path}, and {least} are needed"
                yield Problem(host.name, "disk", problem, "free some, or enlarge it", _unless_deployed(case, host))


def _unless_deployed(case: Case, host: Host) -> str:
    """A host that already serves is not refused for what it lacks: the run may be the repair."""
    return "warn" if case.is_ours(host) else "refuse"


def parameters(case: Case) -> Iterator[Problem]:
    """PostgreSQL would not start with what Patroni would write, or Patroni would leave it out without a word."""
    for host in case.members("postgres"):
        for name, reason in host.refused_parameters.items():
            yield Problem(
                host.name,
                "parameter_refused",
                f"PostgreSQL refuses {name} of pgcluster_postgresql_parameters: {reason}",
                f"correct {name} in the inventory, or remove it there",
            )


def clocks(case: Case) -> Iterator[Problem]:
    offsets = {host.name: offset for host in case.hosts.values() if (offset := _offset(case, host)) is not None}
    if not offsets:
        return
    middle = median(offsets.values())
    for name, offset in offsets.items():
        away = max(_away(offset), _away(offset - middle), key=abs)
        if abs(away) > CLOCK_WARN:
            where = "ahead" if away > 0 else "behind"
            problem = f"its clock is {abs(away):.0f} s {where} of the control node's or the other hosts'"
            remedy = "set the clocks and keep them by a time service (chrony, systemd-timesyncd)"
            yield Problem(name, "clock", problem, remedy, "refuse" if abs(away) > CLOCK_REFUSE else "warn")


def _offset(case: Case, host: Host) -> float | None:
    """Seconds that the host is ahead of the control node; less precise when only the end of its answer is known."""
    if host.clock_offset is not None:
        return host.clock_offset
    if host.clock_epoch is None or case.wish.controller_epoch is None:
        return None
    return host.clock_epoch - case.wish.controller_epoch


def _away(offset: float) -> float:
    """The offset, less what the question's way may account for."""
    return offset if offset < 0 else max(0.0, offset - TRANSPORT)


def time_service(case: Case) -> Iterator[Problem]:
    for host in case.hosts.values():
        if host.ntp_synchronized is False and not host.container:
            problem = "no time service keeps its clock"
            yield Problem(host.name, "clock_unsynchronized", problem, "install chrony or systemd-timesyncd", "warn")


def port_owners(case: Case) -> Iterator[Problem]:
    for host in case.hosts.values():
        wanted = {
            port for group in case.wish.groups if host.name in case.wish.groups[group] for port in _ports(case, group)
        }
        for port, owner in sorted(host.ports.items()):
            if port in wanted and owner.unit not in case.wish.units:
                yield Problem(
                    host.name,
                    "port_taken",
                    f"port {port} is taken by {owner}",
                    "stop and disable that service, or give the cluster another port (pgcluster_*_port)",
                )


def _ports(case: Case, group: str) -> tuple[int, ...]:
    return case.wish.ports.get(group, ())


def kernel(case: Case) -> Iterator[Problem]:
    for host in case.members("postgres"):
        if host.transparent_hugepages == "always":
            problem = "transparent huge pages are always on, which makes pauses"
            yield Problem(host.name, "transparent_hugepages", problem, "set them to madvise or never", "warn")
        if host.sysctl_writable is False:
            yield from _settings_that_stay(host)


def _settings_that_stay(host: Host) -> Iterator[Problem]:
    """What only the owner of the kernel can set, where the host is a container."""
    remedy = "set it on the machine that runs this container"
    if host.sysctls.get("vm.overcommit_memory") in ("0", "1"):
        problem = "vm.overcommit_memory is not 2 and cannot be set here: the kernel may kill PostgreSQL"
        yield Problem(host.name, "overcommit", problem, remedy, "warn")
    if host.swap_mb and int(host.sysctls.get("vm.swappiness") or 0) > SWAPPINESS:
        problem = f"vm.swappiness is above {SWAPPINESS} and cannot be set here"
        yield Problem(host.name, "swappiness", problem, remedy, "warn")


def watchdog(case: Case) -> Iterator[Problem]:
    for host in case.members("postgres"):
        if host.watchdog is False and not host.container:
            problem = "it has no watchdog device"
            remedy = "load its driver (or softdog); until then the guard stops PostgreSQL when Patroni hangs"
            yield Problem(host.name, "watchdog", problem, remedy, "warn")


RULES = (
    operating_system,
    offered,
    collation,
    architecture,
    memory,
    disks,
    parameters,
    clocks,
    time_service,
    port_owners,
    kernel,
    watchdog,
)
