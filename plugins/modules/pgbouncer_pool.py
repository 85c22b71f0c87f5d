#!/usr/bin/python
# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pgbouncer_pool
short_description: Pause and resume a PgBouncer on this host, and have it reconnect or reload
version_added: 0.1.0
author: [The Matriarch authors (@matriarch)]
description:
  - Speaks to the admin console of one PgBouncer over its unix socket, and holds or releases all of its databases.
  - Paused clients keep their connections and wait. A pause lets running transactions end first. When they do not in
    time, the pooler is resumed and the error names the clients that hold on.
  - Before a pause, a timer of systemd is armed that resumes the pooler on its own (O(resume_after)), so that nobody
    stays held when whoever paused it has died. A resume takes that timer away.
  - Without O(state), O(reconnect) and O(reload) it only tells how the pooler is.
requirements:
  - psycopg >= 3.1
  - systemd >= 252
options:
  pool:
    description: The pooler's name, as in its unit C(pgbouncer@NAME.service).
    type: str
    required: true
  socket_directory:
    description: Where the pooler's unix socket lies; C(/run/pgbouncer-NAME) unless given.
    type: path
  port:
    description: The port that is part of the socket's name.
    type: int
    required: true
  user:
    description: Whom to log in as; the user that the module runs as unless given.
    type: str
  state:
    description:
      - V(paused) holds the clients of all databases, V(resumed) lets them go.
      - A pooler in which single databases were paused by hand counts as resumed.
    type: str
    choices: [paused, resumed]
  reconnect:
    description: Close every server connection as soon as its transaction, or session, has ended.
    type: bool
    default: false
  reload:
    description: Read the configuration files again, before anything else.
    type: bool
    default: false
  wait_timeout:
    description: Seconds to wait for the running transactions to end before a pause is given up.
    type: float
    default: 5.0
  resume_after:
    description:
      - Seconds from the beginning of the pause until the pooler resumes on its own, more than O(wait_timeout).
        V(0) means that nobody but a resume ends the pause.
      - For a pooler that is paused already, the time starts again.
    type: float
    default: 30.0
attributes:
  check_mode:
    description: Asks only, and tells what would be done.
    support: full
  diff_mode:
    description: Shows whether the pooler is paused, and whether a timer will end that.
    support: full
  idempotent:
    description: When run twice, the second run changes nothing, except that O(reconnect) and O(reload) act each time.
    support: partial
"""

EXAMPLES = r"""
- name: Hold the clients that write
  matriarch.pgcluster.pgbouncer_pool:
    pool: rw
    port: 6432
    state: paused
    resume_after: 20

- name: Let them go
  matriarch.pgcluster.pgbouncer_pool:
    pool: rw
    port: 6432
    state: resumed

- name: Leave the servers that this pooler was connected to
  matriarch.pgcluster.pgbouncer_pool:
    pool: ro
    port: 6433
    reconnect: true
"""

RETURN = r"""
paused:
  description: Whether all databases are paused; in check mode, whether they would be.
  returned: success
  type: bool
armed:
  description: Whether a timer will resume the pooler; in check mode, whether it would.
  returned: success
  type: bool
actions:
  description: What was done, in order; in check mode, what would be.
  returned: success
  type: list
  elements: str
  sample: [arm, pause]
version:
  description: PgBouncer's version.
  returned: success
  type: str
  sample: 1.24.1
pools:
  description:
    - The connections by database and user, after what was done. C(cl_) counts clients, C(sv_) server connections.
  returned: success
  type: list
  elements: dict
  sample:
    - {database: shop, user: shop, cl_active: 8, cl_waiting: 0, sv_active: 3, sv_idle: 5, sv_used: 0, sv_tested: 0,
       sv_login: 0, maxwait_seconds: 0.0, pool_mode: transaction}
blocking:
  description: The clients whose transactions did not end in time, the longest first.
  returned: when a pause was given up
  type: list
  elements: dict
  sample:
    - {database: shop, user: report, client_address: "10.0.0.7:51002", application_name: psql, state: active,
       seconds: 812.4}
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients import dead_man
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.pgbouncer import PoolerConsole
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import (
    DeadlineExceeded,
    MatriarchError,
    RemoteError,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.pooler import (
    ServerInUse,
    resume_command,
    resume_unit,
)

ARGUMENTS: dict[str, Any] = {
    "pool": {"type": "str", "required": True},
    "socket_directory": {"type": "path"},
    "port": {"type": "int", "required": True},
    "user": {"type": "str"},
    "state": {"type": "str", "choices": ["paused", "resumed"]},
    "reconnect": {"type": "bool", "default": False},
    "reload": {"type": "bool", "default": False},
    "wait_timeout": {"type": "float", "default": 5.0},
    "resume_after": {"type": "float", "default": 30.0},
}


@dataclass(frozen=True)
class Held:
    """Whether the pooler is paused, and whether a timer will end that."""

    paused: bool
    armed: bool


def wished(params: Mapping[str, Any], before: Held) -> Held:
    """What shall be."""
    if params["state"] is None:
        return before
    paused = params["state"] == "paused"
    return Held(paused, armed=paused and params["resume_after"] > 0)


def plan(params: Mapping[str, Any], before: Held) -> tuple[str, ...]:
    """What to do, in order. Whoever pauses has armed the timer before, whoever disarms it has resumed before."""
    after = wished(params, before)
    extends = params["state"] == "paused" and after.armed
    steps = {
        "reload": params["reload"],
        "reconnect": params["reconnect"],
        "arm": extends,
        "pause": after.paused and not before.paused,
        "resume": before.paused and not after.paused,
        "disarm": before.armed and not after.armed,
    }
    return tuple(step for step, wanted in steps.items() if wanted)


@dataclass(frozen=True)
class Pooler:
    """One PgBouncer. A paused one is resumed over a connection of its own, which was opened before."""

    pool: str
    console: PoolerConsole
    spare: PoolerConsole
    wait_timeout: float
    resume_after: float

    def held(self) -> Held:
        """How it is now."""
        return Held(self.spare.is_paused(), dead_man.is_armed(resume_unit(self.pool)))

    def do(self, step: str) -> None:
        """Take one step of the plan."""
        steps: dict[str, Callable[[], None]] = {
            "reload": self.spare.reload,
            "reconnect": self.spare.reconnect,
            "arm": lambda: dead_man.arm(resume_unit(self.pool), self.resume_after, resume_command(self.pool)),
            "pause": self._pause,
            "resume": self.spare.resume,
            "disarm": lambda: dead_man.disarm(resume_unit(self.pool)),
        }
        steps[step]()

    def _pause(self) -> None:
        """Raises DeadlineExceeded with the clients that hold on; then nobody is held any more."""
        try:
            self.console.pause(self.wait_timeout)
        except DeadlineExceeded as error:
            blocking = self._blocking()
            self._give_up()
            told = "; ".join(str(each) for each in blocking) or "PgBouncer names nobody"
            raise DeadlineExceeded(
                f"{error}. It is resumed. Who holds a transaction open: {told}. "
                "Next: end these, or give a longer 'wait_timeout'",
                blocking=[asdict(each) for each in blocking],
            ) from error

    def _blocking(self) -> tuple[ServerInUse, ...]:
        """Who holds on, if PgBouncer tells: that it does not is no reason to keep the others waiting."""
        with suppress(RemoteError):
            return self.spare.servers_in_use()
        return ()

    def _give_up(self) -> None:
        """Where this fails the timer stays armed."""
        if self.spare.is_paused():
            self.spare.resume()
        dead_man.disarm(resume_unit(self.pool))


def run(params: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    """Read, plan, act unless in check mode, read again, report."""
    if params["state"] == "paused" and 0 < params["resume_after"] <= params["wait_timeout"]:
        raise MatriarchError(
            f"'resume_after' is {params['resume_after']:g}: it must be 0, or more than 'wait_timeout', "
            f"{params['wait_timeout']:g} seconds, or the pause would end before it has begun"
        )
    where = (params["socket_directory"] or f"/run/pgbouncer-{params['pool']}", params["port"], params["user"])
    with PoolerConsole(*where) as console, PoolerConsole(*where) as spare:
        pooler = Pooler(params["pool"], console, spare, params["wait_timeout"], params["resume_after"])
        before = pooler.held()
        steps = plan(params, before)
        for step in () if check_mode else steps:
            pooler.do(step)
        after = wished(params, before) if check_mode else pooler.held()
        return {
            "changed": before != after or "reconnect" in steps or "reload" in steps,
            "diff": {"before": asdict(before), "after": asdict(after)},
            "actions": list(steps),
            **asdict(after),
            "version": spare.version(),
            "pools": [asdict(pool) for pool in spare.pools()],
        }


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        answer = run(module.params, module.check_mode)
    except MatriarchError as error:
        module.fail_json(msg=str(error), **error.details)
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
