# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the inventory itself: names, addresses, group sizes, promises, networks, ports. Pure."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, ip_address, ip_network

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.preflight import CLUSTER, Case, Problem

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}")
"""Names end up in file names, URLs, certificates, SQL and PostgreSQL's 63-byte identifiers."""

MAJORS = range(15, 19)
PROTECTIONS = ("zero_loss", "balanced", "async")
MOST_ETCD_MEMBERS = 7


def names(case: Case) -> Iterator[Problem]:
    rule = "use at most 63 letters, digits, dots, hyphens and underscores, and none of dot and hyphen first"
    for what, name in (("cluster", case.wish.name), *(("host", name) for name in case.wish.addresses)):
        if not NAME.fullmatch(name):
            where = CLUSTER if what == "cluster" else name
            yield Problem(where, "name_syntax", f"{name!r} cannot be the name of a {what}", f"rename it: {rule}")
    for name, count in Counter(name.lower() for name in case.wish.addresses).items():
        if count > 1:
            same = ", ".join(each for each in case.wish.addresses if each.lower() == name)
            yield Problem(CLUSTER, "duplicate_name", f"{same} differ in case only", "give each host a name of its own")


def addresses(case: Case) -> Iterator[Problem]:
    alone = len(case.wish.addresses) == 1
    for name, text in case.wish.addresses.items():
        remedy = "set pgcluster_address to the IPv4 address at which the other hosts reach this one"
        address = _ip(text)
        if not text:
            yield Problem(name, "address_missing", "the host has no address", remedy)
        elif not isinstance(address, IPv4Address):
            yield Problem(name, "address_invalid", f"its address {text!r} is not an IPv4 address", remedy)
        elif address.is_unspecified or address.is_multicast or (address.is_loopback and not alone):
            yield Problem(name, "address_unusable", f"no other host can reach it at {text}", remedy)
        else:
            yield from _foreign_address(case, name, address)


def _foreign_address(case: Case, name: str, address: IPv4Address) -> Iterator[Problem]:
    host = case.hosts.get(name)
    if host is None or host.addresses is None:
        return
    own = [each for each in map(_ip, host.addresses) if each is not None]
    if address not in own:
        usable = ", ".join(str(each) for each in own if not each.is_loopback and not each.is_link_local)
        yield Problem(
            name,
            "address_foreign",
            f"{address} is not one of its own addresses ({usable or 'it has none'})",
            "set pgcluster_address to one of its own addresses (behind address translation: the inner one)",
        )


def duplicate_addresses(case: Case) -> Iterator[Problem]:
    by_address = defaultdict(list)
    for name, text in case.wish.addresses.items():
        if text:
            by_address[_ip(text) or text].append(name)
    for address, same in by_address.items():
        if len(same) > 1:
            yield Problem(
                CLUSTER,
                "duplicate_address",
                f"{', '.join(same)} have the same address {address}",
                "give each host its own pgcluster_address, or name one machine once only",
            )


def duplicate_hostnames(case: Case) -> Iterator[Problem]:
    by_hostname = defaultdict(list)
    for name, host in case.hosts.items():
        if host.hostname:
            by_hostname[host.hostname].append(name)
    for hostname, same in by_hostname.items():
        if len(same) > 1:
            problem = f"{', '.join(same)} all call themselves {hostname!r}"
            remedy = "make sure that they are different machines, and give each a hostname of its own"
            yield Problem(CLUSTER, "duplicate_hostname", problem, remedy, "warn")


def virtual_address(case: Case) -> Iterator[Problem]:
    if not case.wish.vip:
        return
    try:
        vip = IPv4Interface(case.wish.vip).ip
    except ValueError:
        problem = f"pgcluster_vip {case.wish.vip!r} is not an IPv4 address"
        yield Problem(
            CLUSTER, "vip_invalid", problem, "give a free address of the proxies' network, such as 10.0.0.9/24"
        )
        return
    for name, text in case.wish.addresses.items():
        if _ip(text) == vip:
            problem = f"pgcluster_vip {vip} is the address of {name}"
            yield Problem(CLUSTER, "vip_taken", problem, "give an address that no host has")


def etcd_members(case: Case) -> Iterator[Problem]:
    count, data_hosts = len(case.wish.etcd), len(case.wish.postgres)
    if count == 0:
        yield Problem(CLUSTER, "etcd_none", "the group etcd has no host", "put three hosts into it")
    elif count % 2 == 0:
        more = "a third host (a small one without data will do)" if count == 2 else "one more host"
        yield Problem(
            CLUSTER,
            "etcd_even",
            f"{count} etcd members survive no more losses than {count - 1}, and {count // 2} of them cannot decide",
            f"put {more} into the group etcd, or take one out",
        )
    elif count == 1 and data_hosts > 1 and not case.wish.development:
        problem = f"a single etcd member decides for {data_hosts} PostgreSQL hosts: without it nobody can take over"
        yield Problem(CLUSTER, "etcd_single", problem, "put three hosts into the group etcd; the third needs no data")
    elif count > MOST_ETCD_MEMBERS:
        problem = f"{count} etcd members make every write slow"
        yield Problem(CLUSTER, "etcd_many", problem, "use three or five", "warn")


def group_sizes(case: Case) -> Iterator[Problem]:
    if case.wish.etcd and not case.wish.postgres and not case.wish.proxy:
        return  # an etcd on hosts of its own, for clusters that share it
    if not case.wish.postgres:
        yield Problem(CLUSTER, "postgres_none", "the group postgres has no host", "put one to three hosts into it")
    if not case.wish.proxy:
        problem = "the group proxy has no host: applications have to find the leader themselves"
        yield Problem(
            CLUSTER, "proxy_none", problem, "put two hosts or more into it; the postgres hosts will do", "warn"
        )


def protection(case: Case) -> Iterator[Problem]:
    level, count = case.wish.protection, len(case.wish.postgres)
    if level not in PROTECTIONS:
        problem = f"pgcluster_protection {level!r} is unknown"
        yield Problem(CLUSTER, "protection_unknown", problem, f"choose one of {', '.join(PROTECTIONS)}")
    elif level == "zero_loss" and count < 2:
        problem = "zero_loss needs a second PostgreSQL host: every commit waits for it"
        yield Problem(CLUSTER, "protection_impossible", problem, "add PostgreSQL hosts, or choose async")
    elif level == "zero_loss" and count == 2:
        problem = "with zero_loss on two PostgreSQL hosts, writes stop while one of them is away"
        yield Problem(CLUSTER, "protection_stalls", problem, "add a third PostgreSQL host, or choose balanced", "warn")


def postgresql_version(case: Case) -> Iterator[Problem]:
    if case.wish.postgresql_major not in MAJORS:
        problem = f"PostgreSQL {case.wish.postgresql_major} is not supported"
        remedy = f"set pgcluster_postgresql_version to one of {', '.join(map(str, MAJORS))}"
        yield Problem(CLUSTER, "postgresql_version", problem, remedy)


def client_networks(case: Case) -> Iterator[Problem]:
    if case.wish.client_networks is None:
        return
    if not case.wish.client_networks:
        problem = "pgcluster_client_networks is empty: no application may log in"
        yield Problem(CLUSTER, "client_networks_none", problem, "list the applications' networks in it", "warn")
    for text in case.wish.client_networks:
        yield from _client_network(text)


def _client_network(text: str) -> Iterator[Problem]:
    """PostgreSQL does not start with an address alone, and PgBouncer compares clients with the network as it stands."""
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        problem = f"{text!r} in pgcluster_client_networks is not a network"
        yield Problem(CLUSTER, "client_network_invalid", problem, "write it as 10.0.0.0/24")
        return
    if str(network) != text:
        problem = f"{text!r} in pgcluster_client_networks is not written as PostgreSQL and PgBouncer read networks"
        yield Problem(CLUSTER, "client_network_invalid", problem, f"write it as {network}")
    elif network.prefixlen == 0:
        problem = f"{text} in pgcluster_client_networks lets the whole world try passwords"
        yield Problem(CLUSTER, "client_network_open", problem, "list the applications' networks instead", "warn")


def port_conflicts(case: Case) -> Iterator[Problem]:
    for name in case.wish.addresses:
        wanted = Counter(
            port
            for group, members in case.wish.groups.items()
            if name in members
            for port in case.wish.ports.get(group, ())
        )
        for port, count in wanted.items():
            if count > 1:
                problem = f"{count} of its services are to listen on port {port}"
                yield Problem(name, "port_conflict", problem, "give each service a port of its own (pgcluster_*_port)")


def _ip(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


RULES = (
    names,
    addresses,
    duplicate_addresses,
    duplicate_hostnames,
    virtual_address,
    etcd_members,
    group_sizes,
    protection,
    postgresql_version,
    client_networks,
    port_conflicts,
)
