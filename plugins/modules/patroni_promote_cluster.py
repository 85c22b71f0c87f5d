#!/usr/bin/python
# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: patroni_promote_cluster
version_added: 0.1.0
short_description: Make a standby cluster a cluster of its own
description:
  - Looks whether the cluster that it follows is still alive, and whether all is replayed that the archive holds; waits
    for the latter, and refuses with the reasons where it must not be.
  - Then takes C(standby_cluster) out of Patroni's dynamic configuration, and returns when its leader takes writes.
  - Runs on the host of the standby cluster's leader.
extends_documentation_fragment:
  - matriarch.pgcluster.patroni
  - matriarch.pgcluster.tls
attributes:
  check_mode:
    description: Can run in check mode and return what it saw, and why it would refuse.
    support: full
  diff_mode:
    description: Shows the role of the leader before and after.
    support: full
  idempotent:
    description: A cluster that takes writes already is left as it is.
    support: full
options:
  primary_hosts:
    description: Addresses of the data hosts of the cluster that is followed.
    type: list
    elements: str
    required: true
  primary_ca:
    description: PEM of the authority of their certificates. Defaults to O(ca_file).
    type: str
    default: ''
  primary_patroni_port:
    description: The port of Patroni there.
    type: int
    default: 8008
  primary_postgres_port:
    description: The port of PostgreSQL there.
    type: int
    default: 5432
  postgres_socket:
    description: The directory of the unix socket of this host's PostgreSQL.
    type: path
    default: /run/postgresql
  postgres_port:
    description: The port of this host's PostgreSQL.
    type: int
    default: 5432
  maximum_lag_seconds:
    description: How old the last replayed commit may be.
    type: float
    default: 900.0
  accept_unreplayed:
    description: Whether log may be lost that the archive holds, or would hold if it answered.
    type: bool
    default: false
  primary_is_alive:
    description: Whether it shall be although the other cluster is alive. Both take writes then.
    type: bool
    default: false
  replay_timeout:
    description: How long to wait, in seconds, until all is replayed that the archive holds.
    type: float
    default: 300.0
  wait_timeout:
    description: How long to wait, in seconds, until the leader takes writes.
    type: float
    default: 300.0
author:
  - The Matriarch authors (@matriarch)
"""

EXAMPLES = r"""
- name: Make the standby cluster the one that takes writes
  matriarch.pgcluster.patroni_promote_cluster:
    urls: [https://dr1:8008, https://dr2:8008]
    ca_file: /etc/matriarch/tls/ca.crt
    client_cert: /etc/matriarch/tls/host.crt
    client_key: /etc/matriarch/tls/host.key
    primary_hosts: [192.0.2.11, 192.0.2.12]
"""

RETURN = r"""
leader:
  description: Who leads.
  returned: success
  type: str
following:
  description: How far it had come, as M(matriarch.pgcluster.host_status) tells; null where it takes writes already.
  returned: success
  type: dict
primary_site:
  description: What was seen of the other cluster's hosts, each with C(address), C(state) and C(reason).
  returned: success
  type: list
  elements: dict
refused:
  description: Why it would be refused.
  returned: in check mode
  type: list
  elements: str
seconds:
  description: How long it took from the decision until the leader took writes; null where nothing was done.
  returned: success
  type: float
"""

import tempfile
import time
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.matriarch.pgcluster.plugins.module_utils.arguments import (
    CONNECTION,
    CONNECTION_REQUIRED_BY,
    patroni_clients,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.instance import Instance
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.json_http import first_answer
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.patroni import PatroniClient
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.primary_site import PrimarySite
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import (
    DeadlineExceeded,
    MatriarchError,
    Refused,
    RemoteError,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.following import read_following
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.following import BEHIND, Following
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.primary_site import SiteHost
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.promotion import Accepted, refusals
from ansible_collections.matriarch.pgcluster.plugins.module_utils.wait import wait_until

ARCHIVE_SECONDS = 120.0
"""For each question to the archive; an engine tries a storage that does not answer for about a minute."""


def look_at_site(params: Mapping[str, Any]) -> tuple[SiteHost, ...]:
    """The other cluster's hosts."""
    with tempfile.NamedTemporaryFile("w", suffix=".crt") as authority:
        authority.write(params["primary_ca"])
        authority.flush()
        return PrimarySite(
            hosts=params["primary_hosts"],
            ca_file=authority.name if params["primary_ca"] else params["ca_file"],
            patroni_port=params["primary_patroni_port"],
            postgres_port=params["primary_postgres_port"],
        ).look()


def look_at_log(params: Mapping[str, Any], seconds: float) -> Following | None:
    """How far the replay has come; waits as long as it is behind."""

    def look() -> Following | None:
        return read_following(params["postgres_socket"], params["postgres_port"], ARCHIVE_SECONDS)

    return wait_until(look, lambda found: found is None or found.archive != BEHIND, seconds=seconds, interval=2.0).last


def takes_writes(params: Mapping[str, Any], patroni: PatroniClient) -> bool:
    """Whether Patroni calls somebody the leader, and this host's PostgreSQL is out of recovery."""
    try:
        with Instance(params["postgres_socket"], params["postgres_port"]) as instance:
            recovers = instance.standing()["in_recovery"]
        leader = patroni.cluster().leader
    except RemoteError:
        return False
    return not recovers and leader is not None and leader.role == "leader" and leader.is_up


def promote(params: Mapping[str, Any], patroni: PatroniClient) -> float:
    """Raises DeadlineExceeded where nobody takes writes in time."""
    begun = time.monotonic()
    patroni.patch_config({"standby_cluster": None})
    outcome = wait_until(lambda: takes_writes(params, patroni), bool, seconds=params["wait_timeout"], interval=0.5)
    if not outcome.reached:
        raise DeadlineExceeded(
            f"the standby cluster was told to take writes, and {outcome.seconds:.0f} s later its leader does not. "
            "Next: journalctl -u patroni -n 50, on its host; then run this again"
        )
    return round(time.monotonic() - begun, 1)


def run(params: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    """Read, plan, act unless in check mode, verify, report."""
    found = first_answer(patroni_clients(params), PatroniClient.cluster)
    cluster, patroni = found.answer, found.client
    leader = cluster.leader
    answer: dict[str, Any] = {"changed": False, "leader": leader.name if leader else None, "seconds": None}
    if leader and leader.role == "leader":
        return {**answer, "following": None, "primary_site": [], "refused": []}
    accepted = Accepted(params["maximum_lag_seconds"], params["accept_unreplayed"], params["primary_is_alive"])
    following = look_at_log(params, 0 if check_mode or accepted.unreplayed else params["replay_timeout"])
    site = look_at_site(params)  # as late as can be
    reasons = refusals(cluster, following, site, accepted)
    answer |= {
        "following": following.facts() if following else None,
        "primary_site": [host.facts() for host in site],
        "refused": list(reasons),
        "changed": True,
        "diff": {"before": "standby_leader\n", "after": "leader\n"},
    }
    if check_mode:
        return answer
    if reasons:
        raise Refused(f"Nothing was changed: {'; '.join(reasons)}", reasons=list(reasons))
    return {**answer, "seconds": promote(params, patroni)}


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(
        argument_spec={
            **CONNECTION,
            "primary_hosts": {"type": "list", "elements": "str", "required": True},
            "primary_ca": {"type": "str", "default": ""},
            "primary_patroni_port": {"type": "int", "default": 8008},
            "primary_postgres_port": {"type": "int", "default": 5432},
            "postgres_socket": {"type": "path", "default": "/run/postgresql"},
            "postgres_port": {"type": "int", "default": 5432},
            "maximum_lag_seconds": {"type": "float", "default": 900.0},
            "accept_unreplayed": {"type": "bool", "default": False},
            "primary_is_alive": {"type": "bool", "default": False},
            "replay_timeout": {"type": "float", "default": 300.0},
            "wait_timeout": {"type": "float", "default": 300.0},
        },
        required_by=CONNECTION_REQUIRED_BY,
        supports_check_mode=True,
    )
    try:
        answer = run(module.params, module.check_mode)
    except MatriarchError as error:
        module.fail_json(msg=str(error), **error.details)
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
