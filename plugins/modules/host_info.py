#!/usr/bin/python
# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_info
short_description: Ask a host everything that a deployment wants to know, once
version_added: 0.1.0
author: [The Matriarch authors (@matriarch)]
description:
  - Reads the operating system, the hardware, the kernel's settings, and what earlier runs left on the host.
  - Changes nothing, and never fails because of a host. What cannot be read is null, and RV(host.unreadable) says why.
options:
  packages:
    description: Packages whose installed versions are wanted.
    type: list
    elements: str
    default: []
  units:
    description: Units of systemd whose states are wanted, with their suffix, without patterns.
    type: list
    elements: str
    default: []
  files_at_start:
    description:
      - Lists of files by the unit that reads them when it starts, where it is wanted whether it has started since they
        changed.
    type: dict
    default: {}
  ports:
    description: TCP ports whose owners are wanted.
    type: list
    elements: int
    default: []
  data_directory:
    description: The PostgreSQL data directory to look into.
    type: str
  etcd_data_directory:
    description: The etcd data directory to look into.
    type: str
  disk_paths:
    description: Paths whose file systems' free space is wanted. For one that does not exist, its nearest parent counts.
    type: list
    elements: str
    default: [/]
  sysctls:
    description: Kernel settings to read.
    type: list
    elements: str
    default: [vm.overcommit_memory, vm.swappiness]
  tls_directory:
    description: Where C(ca.crt), C(host.crt) and C(host.key) lie.
    type: str
    default: /etc/matriarch/tls
  release_file:
    description: The stamp that every deployment leaves.
    type: str
    default: /etc/matriarch/release.json
  patroni_config:
    description: Patroni's configuration file, which names the host's cluster.
    type: str
    default: /etc/patroni/config.yml
  postgresql_program:
    description: PostgreSQL's own program, which is asked about O(postgresql_parameters) where it is installed.
    type: path
  postgresql_parameters:
    description: PostgreSQL parameters that are going to be set, by name.
    type: dict
    default: {}
  controller_epoch:
    description:
      - The control node's clock when it sent the question, in seconds since 1970; needed for RV(host.clock_offset).
      - Given as C({{ now().timestamp() }}), it is computed for each host at the last moment.
    type: float
extends_documentation_fragment:
  - matriarch.pgcluster.reads_only
"""

EXAMPLES = r"""
- name: Ask the host what it is and what it holds
  matriarch.pgcluster.host_info:
    packages: [patroni, etcd-server]
    units: [patroni.service, etcd.service]
    files_at_start: {etcd.service: [/etc/etcd/etcd.env]}
    ports: [5432, 8008]
    data_directory: /var/lib/postgresql/17/main
    etcd_data_directory: /var/lib/etcd
    disk_paths: [/var/lib/postgresql, /var/lib/etcd]
    controller_epoch: "{{ now().timestamp() }}"
  register: host_facts
"""

RETURN = r"""
host:
  description: Everything that was asked, by name.
  returned: always
  type: dict
  contains:
    os:
      description: C(id), C(version_id) (empty for Debian testing), C(codename), C(pretty) and C(arch).
      type: dict
      sample: {id: debian, version_id: "13", codename: trixie, pretty: Debian GNU/Linux 13 (trixie), arch: x86_64}
    virtualization:
      description: C(kind), as systemd-detect-virt names it, and whether that is a C(container).
      type: dict
      sample: {kind: kvm, container: false}
    hostname:
      description: The host's own name for itself.
      type: str
    python:
      description: The version of the Python that ran this module.
      type: str
    memory_mb:
      description: C(total) and C(swap) in MiB; the limit of the container where there is one.
      type: dict
      sample: {total: 7940, swap: 0}
    cpus:
      description: Usable CPUs.
      type: int
    interfaces:
      description: Addresses with prefix length, by network interface.
      type: dict
      sample: {lo: [127.0.0.1/8], eth0: [10.0.0.11/24]}
    addresses:
      description: All addresses without prefix length.
      type: list
      elements: str
    glibc:
      description: Version of the C library, on which sort orders depend.
      type: str
    icu:
      description: Newest installed version of ICU, null where there is none.
      type: str
    sysctls:
      description: Kernel settings by name, null for one that the host does not show.
      type: dict
    sysctl_writable:
      description: Whether kernel settings can be changed here.
      type: bool
    transparent_hugepages:
      description: V(always), V(madvise) or V(never).
      type: str
    watchdog:
      description: Whether C(/dev/watchdog) exists.
      type: bool
    packages:
      description: Installed versions by package name, null for one that is not installed.
      type: dict
    package_lists:
      description: Whether apt has fetched lists of the packages that can be installed.
      type: bool
    units:
      description: C(load), C(active), C(sub) and C(enabled) by unit.
      type: dict
      sample: {etcd.service: {load: loaded, active: active, sub: running, enabled: enabled}}
    outdated_units:
      description: Those of O(files_at_start) that run and have started before one of their files was changed.
      type: list
      elements: str
    ports:
      description: Who listens, by the port's digits, null for a free port.
      type: dict
      sample: {"5432": {addresses: [0.0.0.0], pid: 812, process: postgres, unit: patroni.service}, "8008": null}
    data_directory:
      description: C(path), C(exists), C(empty), C(owner), first C(entries), C(version), C(system_identifier) and
        C(wal_elsewhere), where C(pg_wal) leads to as a link.
      type: dict
    etcd_data_directory:
      description: C(path), C(exists), C(empty), C(owner), first C(entries) and C(has_member).
      type: dict
    refused_parameters:
      description:
        - Which of O(postgresql_parameters) the installed PostgreSQL would not take, and why, in its own words.
        - Null where O(postgresql_program) does not exist. Parameters of extensions, with a dot, are not known to it.
      type: dict
      sample: {work_memory: 'unrecognized configuration parameter "work_memory"'}
    disks:
      description: C(free_mb), C(total_mb) and C(read_only) by path.
      type: dict
    release:
      description: The stamp of the last deployment, null where there was none.
      type: dict
    patroni_scope:
      description: The cluster's name in Patroni's configuration, null where there is none.
      type: str
    ca_fingerprints:
      description: SHA-256 in hex of each certificate of C(ca.crt).
      type: list
      elements: str
    certificate:
      description:
        - C(present), and if so C(not_before_epoch), C(not_after_epoch), C(sans), C(public_key_sha256),
          C(matches_key) and C(issued_by_ca).
      type: dict
    ntp_synchronized:
      description: Whether a time service keeps the clock.
      type: bool
    clock_offset:
      description:
        - The host's clock less O(controller_epoch), in seconds, taken when the module started.
        - Contains the time that the module took to get to the host. Null when O(controller_epoch) was not given.
      type: float
    clock_epoch:
      description: The host's clock, read last, in seconds since 1970.
      type: float
    unreadable:
      description: Why something is null, by name.
      type: dict
"""

import platform
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients import (
    host_data,
    host_ports,
    host_system,
    parameter_trial,
)

Reading = Callable[[], Any]

ARGUMENTS: dict[str, Any] = {
    "packages": {"type": "list", "elements": "str", "default": []},
    "units": {"type": "list", "elements": "str", "default": []},
    "files_at_start": {"type": "dict", "default": {}},
    "ports": {"type": "list", "elements": "int", "default": []},
    "data_directory": {"type": "str"},
    "etcd_data_directory": {"type": "str"},
    "disk_paths": {"type": "list", "elements": "str", "default": ["/"]},
    "sysctls": {"type": "list", "elements": "str", "default": ["vm.overcommit_memory", "vm.swappiness"]},
    "tls_directory": {"type": "str", "default": "/etc/matriarch/tls"},
    "release_file": {"type": "str", "default": "/etc/matriarch/release.json"},
    "patroni_config": {"type": "str", "default": "/etc/patroni/config.yml"},
    "postgresql_program": {"type": "path"},
    "postgresql_parameters": {"type": "dict", "default": {}},
    "controller_epoch": {"type": "float"},
}


def main() -> None:
    started = time.time()
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    sent = module.params["controller_epoch"]
    host = host_of(module.params, Path("/"))
    host["clock_offset"] = None if sent is None else round(started - sent, 3)
    host["clock_epoch"] = time.time()
    module.exit_json(changed=False, host=host)


def host_of(params: Mapping[str, Any], root: Path) -> dict[str, Any]:
    """Everything but the clock, and the names derived from it."""
    host = read({**system_readings(params, root), **data_readings(params, root)})
    host["addresses"] = addresses(host["interfaces"])
    return host


def read(readings: Mapping[str, Reading]) -> dict[str, Any]:
    """All readings by name; one that fails is None, with its reason under `unreadable`."""
    host: dict[str, Any] = {}
    unreadable: dict[str, str] = {}
    for name, reading in readings.items():
        try:
            host[name] = reading()
        except Exception as error:  # An odd host is described as far as it goes, whatever is odd about it.
            host[name] = None
            unreadable[name] = f"{type(error).__name__}: {error}"
    return {**host, "unreadable": unreadable}


def system_readings(params: Mapping[str, Any], root: Path) -> dict[str, Reading]:
    return {
        "os": lambda: host_system.operating_system(root),
        "virtualization": host_system.virtualization,
        "hostname": platform.node,
        "python": platform.python_version,
        "memory_mb": lambda: host_system.memory_mb(root),
        "cpus": host_system.cpus,
        "interfaces": host_system.interfaces,
        "glibc": host_system.glibc,
        "icu": lambda: host_system.icu(root),
        "sysctls": lambda: host_system.sysctls(root, params["sysctls"]),
        "sysctl_writable": lambda: host_system.sysctl_writable(root),
        "transparent_hugepages": lambda: host_system.transparent_hugepages(root),
        "watchdog": lambda: host_system.watchdog(root),
        "packages": lambda: host_system.packages(params["packages"]),
        "package_lists": lambda: host_system.has_package_lists(root),
        "units": lambda: host_system.units(params["units"]),
        "outdated_units": lambda: host_system.outdated_units(root, params["files_at_start"]),
        "ports": lambda: host_ports.owners(root, params["ports"]),
        "ntp_synchronized": host_system.clock_synchronized,
    }


def data_readings(params: Mapping[str, Any], root: Path) -> dict[str, Reading]:
    postgres, etcd, tls = params["data_directory"], params["etcd_data_directory"], params["tls_directory"]
    program, parameters = params["postgresql_program"], params["postgresql_parameters"]
    return {
        "data_directory": lambda: host_data.data_directory(root, postgres) if postgres else None,
        "etcd_data_directory": lambda: host_data.etcd_data_directory(root, etcd) if etcd else None,
        "refused_parameters": lambda: parameter_trial.refused(Path(program), parameters) if program else None,
        "disks": lambda: {path: host_data.disk(root, path) for path in params["disk_paths"]},
        "release": lambda: host_data.release(root, params["release_file"]),
        "patroni_scope": lambda: host_data.scope(root, params["patroni_config"]),
        "ca_fingerprints": lambda: host_data.ca_fingerprints(root, tls),
        "certificate": lambda: host_data.certificate(root, tls),
    }


def addresses(interfaces: Mapping[str, list[str]] | None) -> list[str] | None:
    if interfaces is None:
        return None
    return [address.partition("/")[0] for listed in interfaces.values() for address in listed]


if __name__ == "__main__":
    main()
