#!/usr/bin/python
# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_status
short_description: Ask a host for its own part of the cluster's picture
version_added: 0.1.0
author: [The Matriarch authors (@matriarch)]
description:
  - Asks the poolers, HAProxy, PostgreSQL, the units and the certificates of this host how they are.
  - Changes nothing, and never fails because of what it finds. What does not answer within seconds is null, and
    RV(problems) says why.
requirements:
  - psycopg >= 3.1, for O(poolers) and O(postgres_socket)
options:
  poolers:
    description: The PgBouncers by name, each with C(socket_directory) and C(port).
    type: dict
    default: {}
  haproxy_socket:
    description: Path of HAProxy's admin socket; not asked unless given.
    type: path
  virtual_address:
    description: An address that one of several hosts carries; not looked for unless given.
    type: str
  certificates:
    description: Paths of the certificates, in PEM, whose end is wanted.
    type: list
    elements: path
    default: []
  volumes:
    description: Paths by what they are for, whose file systems are wanted. Those that do not exist are left out.
    type: dict
    default: {}
  postgres_socket:
    description: The directory of PostgreSQL's unix socket, where V(postgres) is let in; not asked unless given.
    type: path
  postgres_port:
    description: PostgreSQL's port.
    type: int
    default: 5432
  follows:
    description: Whether PostgreSQL follows another cluster by its archive, which is then asked whether it has more.
    type: bool
    default: false
  backup_settings:
    description: Where the host keeps what is declared of the backups; not asked unless given.
    type: path
  units:
    description: Units of systemd whose states are wanted, with their suffix, without patterns.
    type: list
    elements: str
    default: []
  programs:
    description: Files by the unit that runs them, where it is wanted whether the unit runs what is in the file now.
    type: dict
    default: {}
extends_documentation_fragment:
  - matriarch.pgcluster.reads_only
"""

EXAMPLES = r"""
- name: Ask each host for its part
  matriarch.pgcluster.host_status:
    poolers:
      rw: {socket_directory: /run/pgbouncer-rw, port: 6432}
      ro: {socket_directory: /run/pgbouncer-ro, port: 6433}
    haproxy_socket: /run/haproxy/admin.sock
    certificates: [/etc/matriarch/tls/host.crt]
    volumes: {data: /var/lib/postgresql/17/main, log: /var/log}
    postgres_socket: /run/postgresql
    units: [patroni.service, etcd.service]
    programs: {patroni.service: /usr/local/libexec/matriarch-patroni}
"""

RETURN = r"""
poolers:
  description: Each pooler by name, null for one that does not answer.
  returned: success
  type: dict
  contains:
    paused:
      description: Whether all databases are paused.
      type: bool
    version:
      description: PgBouncer's version.
      type: str
    clients_active:
      description: Clients that have a server connection, or need none.
      type: int
    clients_waiting:
      description: Clients that wait for a server connection.
      type: int
    maxwait_seconds:
      description: How long the first of them has waited.
      type: float
    pools:
      description: The connections by database and user, as M(matriarch.pgcluster.pgbouncer_pool) returns them.
      type: list
      elements: dict
haproxy:
  description: The servers of all backends, null when HAProxy was not asked or does not answer.
  returned: success
  type: list
  elements: dict
  contains:
    backend:
      description: The backend.
      type: str
    name:
      description: The server.
      type: str
    status:
      description: HAProxy's own word, like V(UP), V(UP 1/2), V(DOWN), V(DRAIN), V(MAINT) or V(no check).
      type: str
    is_up:
      description: Whether it gets new connections.
      type: bool
    sessions:
      description: The current ones.
      type: int
    last_check:
      description: What the last check said or why it failed.
      type: str
    seconds_since_change:
      description: Since it last went up or down.
      type: int
has_virtual_address:
  description: Whether this host carries O(virtual_address) now; null when it was not looked for.
  returned: success
  type: bool
certificates:
  description: The certificates that could be read.
  returned: success
  type: list
  elements: dict
  contains:
    path:
      description: The file.
      type: str
    subject:
      description: Whose it is, as in RFC 2253.
      type: str
    not_after:
      description: When it expires, in UTC.
      type: str
      sample: "2027-11-08T12:00:00Z"
    days_left:
      description: Full days until then, negative when it has expired.
      type: int
volumes:
  description: The file systems of the paths, one for each; none when they cannot be read.
  returned: success
  type: list
  elements: dict
  contains:
    holds:
      description: Those of O(volumes) that lie there.
      type: dict
    free_bytes:
      description: What is left for ordinary users.
      type: int
    total_bytes:
      description: Its size.
      type: int
    free_files:
      description: How many files it still takes.
      type: int
    total_files:
      description: How many files it can have; 0 where that has no end.
      type: int
    read_only:
      description: Whether it is mounted so.
      type: bool
postgres:
  description: PostgreSQL, null when it was not asked or does not answer.
  returned: success
  type: dict
  contains:
    in_recovery:
      description: Whether it is a standby.
      type: bool
    version:
      description: The server's version.
      type: str
    timeline:
      description: The timeline that it writes or follows.
      type: int
    current_lsn:
      description: Where a primary writes; null on a standby.
      type: str
      sample: 0/3000060
    receive_lsn:
      description: How far a standby has received; null on a primary, and while nothing was streamed.
      type: str
    replay_lsn:
      description: How far a standby has replayed; null on a primary.
      type: str
    receiver:
      description: The state of a standby's receiver, like V(streaming); null when it has none.
      type: str
    replay_lag_seconds:
      description:
        - 0 when a standby has replayed all that it received, else the age of the last transaction that it replayed.
        - Null on a primary, and where no transaction was replayed yet.
      type: float
    archiver:
      description:
        - C(enabled), C(archived_count), C(last_archived_wal), C(failed_count), C(last_failed_wal), C(failing) (the last
          attempt did not succeed) and C(ready_files) (segments that wait).
      type: dict
    longest_transaction_seconds:
      description: The age of a client's oldest transaction, 0 when there is none.
      type: float
    prepared_transactions:
      description: How many are prepared for a two-phase commit.
      type: int
    replication:
      description:
        - Who streams from here, with C(application_name), C(client_address), C(state), C(sync_state),
          C(sent_lag_bytes), C(flush_lag_bytes), C(replay_lag_bytes) and C(replay_lag_seconds) (null when idle).
      type: list
      elements: dict
    damaged_pages:
      description: How often a page was read that does not fit its checksum, by database, since PostgreSQL started.
      type: dict
    slots:
      description: The replication slots, with C(name), C(type), C(active), C(retained_bytes) and C(wal_status).
      type: list
      elements: dict
following:
  description: How far PostgreSQL has come with another cluster's log, null when it was not asked or reads no archive.
  returned: success
  type: dict
  contains:
    replayed:
      description: The position up to which it has replayed.
      type: str
    archive:
      description: V(replayed) where the archive has nothing newer, V(behind) where it has, V(silent) without an answer.
      type: str
    reason:
      description: Why the archive does not answer, else empty.
      type: str
    last_commit_at:
      description: The time of the last commit that is replayed, in UTC; empty where none was since PostgreSQL started.
      type: str
    last_commit_age_seconds:
      description: How old that is, or null.
      type: float
backups:
  description: What this member knows of the backups, null when it was not asked or none are declared.
  returned: success
  type: dict
  contains:
    interval_hours:
      description: How often a backup shall be made.
      type: int
    checked_at:
      description: When this member looked at the repositories, in UTC; empty when it never did.
      type: str
    repositories:
      description:
        - Each with C(repository), C(newest) (label, kind, begin, end and size of its newest backup, or null),
          C(age_seconds) (since that ended) and C(problem) (why it could not be read, else empty).
      type: list
      elements: dict
    failure:
      description: Why this member's last attempt failed, empty when it knows of one that began since.
      type: str
    failed_at:
      description: When that was, in UTC.
      type: str
    missing:
      description: The first WAL after the newest backup that is not in the archive, else empty.
      type: str
    unmended:
      description: Why WAL of a former leader is not archived, else empty.
      type: str
    proof:
      description:
        - The last restore drill and the last verification that this member knows of, C(drill) and C(verification), and
          the last good ones, C(good_drill) and C(good_verification); null where there was none. Each as
          M(matriarch.pgcluster.restore_drill) returns it.
      type: dict
    drill:
      description:
        - C(interval_hours), how often a drill shall be made, and C(failure), why this member's last one came to no
          verdict.
      type: dict
    asked_at:
      description: When this was told, by the host's clock, in UTC.
      type: str
units:
  description: The active state of each unit, V(not-found) for one that does not exist; null when they cannot be read.
  returned: success
  type: dict
  sample: {patroni.service: active, etcd.service: failed}
outdated_units:
  description: Those of O(programs) that have started before their file was changed; null when that cannot be found out.
  returned: success
  type: list
  elements: str
problems:
  description: Why something could not be read, a sentence each.
  returned: success
  type: list
  elements: str
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup.told import told
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients import host_system
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.certificates import read_certificate
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.haproxy import HaproxySocket
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.instance import Instance
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.pgbouncer import PoolerConsole
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.volumes import volumes
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.following import read_following

Answer = TypeVar("Answer")

ARCHIVE_SECONDS = 10.0
"""For each question to an archive; who looks at a status does not wait for one that is gone."""

ARGUMENTS: dict[str, Any] = {
    "poolers": {"type": "dict", "default": {}},
    "haproxy_socket": {"type": "path"},
    "virtual_address": {"type": "str"},
    "certificates": {"type": "list", "elements": "path", "default": []},
    "volumes": {"type": "dict", "default": {}},
    "postgres_socket": {"type": "path"},
    "postgres_port": {"type": "int", "default": 5432},
    "follows": {"type": "bool", "default": False},
    "backup_settings": {"type": "path"},
    "units": {"type": "list", "elements": "str", "default": []},
    "programs": {"type": "dict", "default": {}},
}


class Survey:
    """Asks one part after the other; a part that does not answer is None, and a problem."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def ask(self, part: str, question: Callable[[], Answer]) -> Answer | None:
        """The part's answer, if it gives one."""
        try:
            return question()
        except Exception as error:  # Whatever is odd about a part, the others are asked as well.
            words = str(error) if isinstance(error, MatriarchError) else f"{type(error).__name__}: {error}"
            self.problems.append(f"{part}: {words}")
            return None


def pooler(where: Mapping[str, Any]) -> dict[str, Any]:
    with PoolerConsole(where["socket_directory"], int(where["port"])) as console:
        pools = console.pools()
        return {
            "paused": console.is_paused(),
            "version": console.version(),
            "clients_active": sum(pool.cl_active for pool in pools),
            "clients_waiting": sum(pool.cl_waiting for pool in pools),
            "maxwait_seconds": max((pool.maxwait_seconds for pool in pools), default=0.0),
            "pools": [asdict(pool) for pool in pools],
        }


def haproxy(socket: str) -> list[dict[str, Any]]:
    return [asdict(server) for server in HaproxySocket(socket).servers()]


def postgres(socket_directory: str, port: int) -> dict[str, Any]:
    with Instance(socket_directory, port) as instance:
        return {
            **instance.standing(),
            "archiver": instance.archiver(),
            **instance.transactions(),
            "replication": instance.replication(),
            "slots": instance.slots(),
            **instance.damaged_pages(),
        }


def following(socket_directory: str, port: int) -> dict[str, Any] | None:
    found = read_following(socket_directory, port, ARCHIVE_SECONDS)
    return found.facts() if found else None


def certificate(path: str) -> dict[str, Any]:
    read = read_certificate(path)
    return {
        "path": read.path,
        "subject": read.subject,
        "not_after": read.not_after.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "days_left": read.days_left(datetime.now(UTC)),
    }


def carries(address: str) -> bool:
    return any(each.partition("/")[0] == address for each in chain.from_iterable(host_system.interfaces().values()))


def units(names: list[str]) -> dict[str, str | None]:
    found = host_system.units(names)
    return {name: "not-found" if unit["load"] == "not-found" else unit["active"] for name, unit in found.items()}


def run(params: Mapping[str, Any]) -> dict[str, Any]:
    """Ask every part that was given."""
    survey = Survey()
    ask, proxy, socket = survey.ask, params["haproxy_socket"], params["postgres_socket"]
    settings, port, address = params["backup_settings"], params["postgres_port"], params["virtual_address"]
    programs = {unit: [file] for unit, file in params["programs"].items()}
    certificates = [ask(f"certificate {path}", partial(certificate, path)) for path in params["certificates"]]
    return {
        "poolers": {name: ask(f"pooler {name}", partial(pooler, where)) for name, where in params["poolers"].items()},
        "haproxy": ask("haproxy", partial(haproxy, proxy)) if proxy else None,
        "has_virtual_address": ask("addresses", partial(carries, address)) if address else None,
        "certificates": [each for each in certificates if each],
        "volumes": ask("volumes", partial(volumes, params["volumes"])) or [],
        "postgres": ask("postgres", partial(postgres, socket, port)) if socket else None,
        "following": ask("following", partial(following, socket, port)) if socket and params["follows"] else None,
        "backups": ask("backups", partial(told, settings, datetime.now(UTC))) if settings else None,
        "units": ask("units", partial(units, params["units"])),
        "outdated_units": ask("programs", partial(host_system.outdated_units, Path("/"), programs)),
        "problems": survey.problems,
    }


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    module.exit_json(changed=False, **run(module.params))


if __name__ == "__main__":
    main()
