# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The members of a running cluster as an inventory: who leads and who follows at this moment."""

from __future__ import annotations

DOCUMENTATION = r"""
name: patroni
version_added: 0.1.0
short_description: Group hosts by what they are in the running cluster
description:
  - Asks a Patroni cluster, from the control node, who its members are, and groups them by what they are at this moment.
  - The groups are C(leader) (of a standby cluster as well), C(replica) (all the others), C(sync_standby) (those that
    commits wait for, alone or as a quorum), C(pending_restart) and, with all members, C(cluster_NAME) where NAME is
    the cluster's name. The first four are always there, if empty.
  - Every member has the variables C(patroni_role), C(patroni_state), C(patroni_timeline), C(patroni_lag_bytes),
    C(patroni_pending_restart) and C(patroni_tags); those that Patroni did not tell are null.
  - The source is a file whose name ends in C(.patroni.yml) or C(.patroni.yaml).
  - Give it after an ordinary inventory. Hosts are merged by their names, and one that is there already keeps the way
    in which it is reached; only a host that is new gets the address of its PostgreSQL as C(ansible_host).
  - What the network says is never evaluated as a template. A member whose name or address could mean something else to
    Ansible or ssh is refused, and the inventory with it.
  - There is no cache, for a leader of an hour ago is worse than none. Where no Patroni answers the source fails.
extends_documentation_fragment:
  - ansible.builtin.constructed
options:
  plugin:
    description: Names this plugin.
    type: str
    required: true
    choices: [matriarch.pgcluster.patroni]
  urls:
    description:
      - Addresses of the cluster's Patroni REST interfaces, like V(https://pg1:8008).
      - They are asked in turn until one answers, so that one dead host does not matter.
    type: list
    elements: str
    required: true
  ca_file:
    description:
      - Path of the PEM file with the certificate authority that signed the servers' certificates; a relative one begins
        at the folder of the inventory file.
      - Without it the certificate authorities of the control node are trusted. Certificates are always verified.
    type: str
  client_cert:
    description:
      - Path of the PEM file with the client certificate, relative as O(ca_file). Patroni asks for one only where its
        C(verify_client) is C(required).
    type: str
  client_key:
    description: Path of the PEM file with the client certificate's key, if that is not in O(client_cert).
    type: str
  timeout:
    description: How long to wait for the answer to one request, in seconds.
    type: float
    default: 5.0
  group_prefix:
    description: What the names of the groups begin with, to tell several clusters apart.
    type: str
    default: ""
author:
  - The Matriarch authors (@matriarch)
"""

EXAMPLES = r"""
# inventories/shop.patroni.yml, beside the folder inventories/shop that the cluster was made from
plugin: matriarch.pgcluster.patroni
urls: [https://192.0.2.11:8008, https://192.0.2.12:8008, https://192.0.2.13:8008]
ca_file: shop/.secrets/ca/ca.crt

# ansible-inventory -i inventories/shop -i inventories/shop.patroni.yml --graph
# ansible leader -i inventories/shop -i inventories/shop.patroni.yml -m ansible.builtin.command -a uptime

---
# Two clusters at once, and groups and variables of one's own
plugin: matriarch.pgcluster.patroni
urls: [https://192.0.2.11:8008, https://192.0.2.12:8008]
ca_file: shop/.secrets/ca/ca.crt
group_prefix: shop_
keyed_groups:
  - key: patroni_state
    prefix: shop_state
compose:
  behind_mib: (patroni_lag_bytes or 0) // 1048576
groups:
  shop_lagging: (patroni_lag_bytes or 0) > 16777216
"""

import ipaddress
import os
import re
from pathlib import Path
from typing import Any

from ansible.constants import LOCALHOST
from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Constructable
from ansible_collections.matriarch.pgcluster.plugins.module_utils.arguments import patroni_clients
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.json_http import first_answer
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.patroni import PatroniClient
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError, NobodyAnswered, Refused
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import ClusterState, Member

ENDINGS = (".patroni.yml", ".patroni.yaml")
FILES = ("ca_file", "client_cert", "client_key")
ROLES = ("leader", "replica", "sync_standby", "pending_restart")
# Anything else could be read as an option, a pattern, a path or an address elsewhere, by Ansible or by ssh.
SAFE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}")
# Ansible's own groups, and its names for the control node.
TAKEN = frozenset({"all", "ungrouped", *LOCALHOST})
REMEDY = "look at it with 'patronictl list', and correct that member's configuration"


def groups_of(member: Member) -> list[str]:
    """The groups that say what the member is, without a prefix."""
    found = {
        "leader": member.is_leader,
        "replica": not member.is_leader,
        "sync_standby": member.is_synchronous,
        "pending_restart": member.pending_restart,
    }
    return [name for name in ROLES if found[name]]


def variables_of(member: Member) -> dict[str, Any]:
    """What Patroni told of the member, as host variables."""
    told = {
        "role": member.role,
        "state": member.state,
        "timeline": member.timeline,
        "lag_bytes": member.lag_bytes,
        "pending_restart": member.pending_restart,
        "tags": dict(member.tags),
    }
    return {f"patroni_{name}": value for name, value in told.items()}


def check(cluster: ClusterState, group_names: set[str]) -> None:
    """Raise Refused when a member cannot be a host of an inventory without being mistaken for something else."""
    for member in cluster.members:
        if not SAFE_NAME.fullmatch(member.name) or member.name.lower() in TAKEN:
            raise Refused(f"the cluster has a member named {member.name!r}, which no host may be called: {REMEDY}")
        if member.name in group_names:
            raise Refused(
                f"the cluster has a member named {member.name!r}, which is a group's name too: set group_prefix, or "
                "rename that group"
            )
        if member.host is not None and not is_address(member.host):
            raise Refused(
                f"the member {member.name!r} gives {member.host!r} as its address, which is neither the name nor the "
                f"address of a host: {REMEDY}"
            )


def readable(option: str, path: Path) -> str:
    """The path of a file that is there and may be read; raises Refused otherwise, for TLS would not name the file."""
    if not os.access(path, os.R_OK) or not path.is_file():
        raise Refused(f"'{option}' is {str(path)!r}, which is no file that can be read: correct the path")
    return str(path)


def is_address(host: str) -> bool:
    """True for an IP address and for what may be the name of a host."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return SAFE_NAME.fullmatch(host) is not None
    return True


class InventoryModule(BaseInventoryPlugin, Constructable):  # type: ignore[misc]
    """The plugin. Its values come from the network and carry no trust, so Ansible takes no template from them."""

    NAME = "matriarch.pgcluster.patroni"

    def verify_file(self, path: str) -> bool:
        """True for the files that are meant for this plugin."""
        return bool(super().verify_file(path)) and path.endswith(ENDINGS)

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        """Ask the cluster and add what it says to the inventory."""
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        try:
            cluster = self._ask(Path(path).parent)
            check(cluster, {*self._of_everybody(cluster), *map(self._group, ROLES), *inventory.groups})
        except NobodyAnswered as error:
            raise AnsibleParserError(
                f"{error}. Without a Patroni that answers nobody can tell the roles of the hosts: leave {path} out to "
                "work with the ordinary inventory, or see 'systemctl status patroni' on the hosts"
            ) from None  # Ansible would repeat the cause
        except MatriarchError as error:
            raise AnsibleParserError(f"{path}: {error}") from None
        self._add(cluster)

    def _ask(self, folder: Path) -> ClusterState:
        params = {name: self.get_option(name) for name in ("urls", "timeout", *FILES)}
        for name in FILES:
            if params[name]:
                params[name] = readable(name, folder / Path(params[name]).expanduser())
        return first_answer(patroni_clients(params), PatroniClient.cluster).answer

    def _add(self, cluster: ClusterState) -> None:
        everybody = self._of_everybody(cluster)
        for name in (*everybody, *map(self._group, ROLES)):
            self.inventory.add_group(name)
        for member in cluster.members:
            self._add_member(member, [*everybody, *map(self._group, groups_of(member))])

    def _add_member(self, member: Member, groups: list[str]) -> None:
        is_new = self.inventory.get_host(member.name) is None
        for group in groups:
            self.inventory.add_host(member.name, group=group)
        address = {"ansible_host": member.host} if is_new and member.host else {}
        for name, value in {**variables_of(member), **address}.items():
            self.inventory.set_variable(member.name, name, value)
        self._construct(member.name)

    def _construct(self, host: str) -> None:
        """The groups and variables that the user composes of all these."""
        strict = self.get_option("strict")
        known = self.inventory.get_host(host).get_vars()
        self._set_composite_vars(self.get_option("compose"), known, host, strict=strict)
        self._add_host_to_composed_groups(self.get_option("groups"), known, host, strict=strict)
        self._add_host_to_keyed_groups(self.get_option("keyed_groups"), known, host, strict=strict)

    def _of_everybody(self, cluster: ClusterState) -> list[str]:
        """The group of all members; none where Patroni is too old to tell the cluster's name."""
        return [self._group(f"cluster_{cluster.name}")] if cluster.name else []

    def _group(self, name: str) -> str:
        return str(self._sanitize_group_name(self.get_option("group_prefix") + name))
