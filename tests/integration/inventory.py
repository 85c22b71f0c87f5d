"""What the inventory says of the clusters under test: hosts, addresses, endpoints. Read with Ansible's own loader."""

from __future__ import annotations

import functools
import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager
from integration.collection import make_importable

ROOT = Path(__file__).resolve().parents[2]
LAB = ROOT / "molecule" / "shared" / "lab_inventory.py"
GROUPS = ("etcd", "postgres", "proxy")
SHARED_WITH = "pgcluster_proxies_shared_with"


@dataclass(frozen=True)
class Machine:
    """One host and how to log in to it."""

    name: str
    address: str
    key: str
    ssh_arguments: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Endpoint:
    """A place where clients connect to PostgreSQL."""

    name: str
    address: str
    port: int

    def __str__(self) -> str:
        return f"{self.name}-{self.address}:{self.port}"


@dataclass(frozen=True)
class Cluster:
    """The cluster as its inventory describes it; the ports of its proxies are the documented defaults."""

    name: str
    sources: tuple[str, ...]
    secrets: Path
    etcd: tuple[Machine, ...]
    postgres: tuple[Machine, ...]
    proxy: tuple[Machine, ...]
    vip: str
    repositories: int = 0
    """How many hold its backups."""
    wal_directory: str = ""
    postgresql_port: int = 5432
    patroni_port: int = 8008
    is_monitored: bool = False
    """Whether its hosts have exporters: the inventory has a host that asks them."""
    shared: tuple[tuple[Machine, Mapping[str, int]], ...] = ()
    """Proxies of other clusters that carry its sessions, each with the ports."""
    carried_ports: frozenset[int] = frozenset()
    """Of other clusters, at its own proxies."""

    def __str__(self) -> str:
        return self.name

    @property
    def machines(self) -> tuple[Machine, ...]:
        return tuple(dict.fromkeys((*self.etcd, *self.postgres, *self.proxy)))

    @property
    def colocated(self) -> bool:
        return bool(set(self.postgres) & set(self.proxy))

    @property
    def rw_port(self) -> int:
        return 5000 if self.colocated else 5432

    @property
    def ro_port(self) -> int:
        return 5001 if self.colocated else 5433

    @property
    def proxy_ports(self) -> set[int]:
        """Those that its proxies open."""
        return {self.rw_port, self.ro_port, 6432, 6433, *self.carried_ports}

    @property
    def proxy_addresses(self) -> tuple[str, ...]:
        return (*(machine.address for machine in self.proxy), *([self.vip] if self.vip else []))

    @property
    def rw(self) -> tuple[Endpoint, ...]:
        ports = {"rw": self.rw_port, "pooled-rw": 6432}
        return self._at_proxies(ports)

    @property
    def ro(self) -> tuple[Endpoint, ...]:
        ports = {"ro": self.ro_port, "pooled-ro": 6433}
        return self._at_proxies(ports)

    @property
    def instances(self) -> tuple[Endpoint, ...]:
        return tuple(Endpoint(machine.name, machine.address, self.postgresql_port) for machine in self.postgres)

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        return self.rw + self.ro + self.instances

    @property
    def ca(self) -> Path:
        return self.secrets / "ca" / "ca.crt"

    def _at_proxies(self, ports: Mapping[str, int]) -> tuple[Endpoint, ...]:
        own = (Endpoint(name, to, port) for name, port in ports.items() for to in self.proxy_addresses)
        others = (
            Endpoint(f"{name}-at-{proxy}", proxy.address, there[f"{name.replace('-', '_')}_port"])
            for name in ports
            for proxy, there in self.shared
        )
        return (*own, *others)

    def secret(self, name: str) -> str:
        return (self.secrets / self.name / name).read_text().strip()


@functools.cache
def load() -> tuple[Cluster, ...]:
    """Every cluster of the inventory that $MATRIARCH_INVENTORY names; in a Molecule run the lab adds the addresses."""
    sources = [os.environ["MATRIARCH_INVENTORY"]]
    if "MOLECULE_SCENARIO_NAME" in os.environ:
        sources.append(str(LAB))
    make_importable()
    loader = DataLoader()
    inventory = InventoryManager(loader, sources=sources)
    manager = VariableManager(loader, inventory)
    HostVars(inventory, manager, loader)
    groups = inventory.get_groups_dict()
    hosts = {name: rendered(loader, manager.get_vars(host=inventory.get_host(name))) for name in groups["all"]}
    names = dict.fromkeys(hosts[name]["pgcluster_name"] for name in groups["postgres"])
    return tuple(cluster(name, tuple(sources), groups, hosts) for name in names)


def cluster(name: str, sources: tuple[str, ...], groups: Mapping[str, list[str]], hosts: Mapping[str, Any]) -> Cluster:
    """Data hosts and proxies belong together by the cluster's name, etcd members by the name of their etcd."""
    own = {group: [host for host in groups[group] if hosts[host]["pgcluster_name"] == name] for group in GROUPS}
    first = hosts[own["postgres"][0]]
    store = [host for host in groups["etcd"] if hosts[host]["pgcluster_etcd_name"] == first["pgcluster_etcd_name"]]
    return Cluster(
        name=name,
        sources=sources,
        secrets=Path(first["inventory_dir"]) / ".secrets",
        etcd=tuple(machine(host, hosts[host]) for host in store),
        postgres=tuple(machine(host, hosts[host]) for host in own["postgres"]),
        proxy=tuple(machine(host, hosts[host]) for host in own["proxy"]),
        vip=str(hosts[own["proxy"][0]].get("pgcluster_vip", "")).partition("/")[0],
        repositories=first["repositories"],
        wal_directory=first.get("pgcluster_wal_directory", ""),
        postgresql_port=first.get("pgcluster_postgresql_port", 5432),
        patroni_port=first.get("pgcluster_patroni_port", 8008),
        is_monitored=bool(groups.get("monitoring")),
        shared=tuple(
            (machine(host, hosts[host]), hosts[host][SHARED_WITH][name])
            for host in groups["proxy"]
            if name in hosts[host].get(SHARED_WITH, ())
        ),
        carried_ports=frozenset(port for ports in first.get(SHARED_WITH, {}).values() for port in ports.values()),
    )


def rendered(loader: DataLoader, variables: Mapping[str, Any]) -> dict[str, Any]:
    """The variables that matter here, with the names that a cluster has when its inventory gives none."""
    wanted = ("inventory_dir", "ansible_host", "ansible_ssh_", "pgcluster_")
    templar = Templar(loader, variables=variables)
    said = {name: templar.template(value) for name, value in variables.items() if name.startswith(wanted)}
    name = said.get("pgcluster_name", "main")
    repositories = len(variables.get("backup_repositories", ()))
    return {"pgcluster_etcd_name": name, **said, "pgcluster_name": name, "repositories": repositories}


def machine(name: str, variables: Mapping[str, Any]) -> Machine:
    return Machine(
        name=name,
        address=str(variables["ansible_host"]),
        key=str(variables.get("ansible_ssh_private_key_file", "")),
        ssh_arguments=" ".join(shlex.split(str(variables.get("ansible_ssh_common_args", "")))),
    )
