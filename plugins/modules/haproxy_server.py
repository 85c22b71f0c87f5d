#!/usr/bin/python
# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: haproxy_server
short_description: Drain a server of this host's HAProxy, and let it serve again
version_added: 0.1.0
author: [The Matriarch authors (@matriarch)]
description:
  - Speaks to HAProxy's admin socket. A drained server gets no new connections; those that it has go on.
  - A timer of systemd ends the draining by itself (O(ready_after)), so that no server stays drained when whoever did it
    has died.
requirements:
  - systemd >= 252
options:
  socket:
    description: Path of HAProxy's admin socket.
    type: path
    default: /run/haproxy/admin.sock
  backend:
    description: The backend.
    type: str
    default: replicas
  server:
    description:
      - The server in it.
      - Without one, O(state=ready) is meant for each that this module has drained and nobody has brought back. What
        somebody has drained by hand stays as it is. An HAProxy that does not answer is warned of, and no failure; for
        one that is down has nothing drained, and the timers wait for one that hangs.
    type: str
  state:
    description: V(drained) or V(ready), in which the checks alone decide. To be V(drained), a server needs a name.
    type: str
    choices: [drained, ready]
    required: true
  wait_timeout:
    description: Seconds to wait until a drained server's last session has ended; those that remain are no failure.
    type: float
    default: 0.0
  ready_after:
    description: Seconds until a drained server serves again by itself.
    type: float
    default: 600.0
attributes:
  check_mode:
    description: Tells what it would do.
    support: full
  diff_mode:
    description: Shows the state before and after.
    support: full
  idempotent:
    description: Draining again only lets the time start again.
    support: full
"""

EXAMPLES = r"""
- name: Give db2 no new readers
  matriarch.pgcluster.haproxy_server:
    server: db2
    state: drained
    wait_timeout: 10
"""

RETURN = r"""
server:
  description: The server afterwards, with C(status) in HAProxy's words and its C(sessions).
  returned: when O(server) names one
  type: dict
brought_back:
  description: The servers that serve again.
  returned: when O(server) names none
  type: list
  elements: str
"""

from dataclasses import asdict
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients import dead_man
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.haproxy import HaproxySocket
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError, Refused, RemoteError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.proxy import (
    HaproxyServer,
    undrain_command,
    undrain_unit,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.wait import wait_until

ARGUMENTS: dict[str, Any] = {
    "socket": {"type": "path", "default": "/run/haproxy/admin.sock"},
    "backend": {"type": "str", "default": "replicas"},
    "server": {"type": "str"},
    "state": {"type": "str", "choices": ["drained", "ready"], "required": True},
    "wait_timeout": {"type": "float", "default": 0.0},
    "ready_after": {"type": "float", "default": 600.0},
}


def find(haproxy: HaproxySocket, backend: str, server: str) -> HaproxyServer:
    """The server as it is now. Raises Refused where there is none of that name."""
    found = {(each.backend, each.name): each for each in haproxy.servers()}
    if (backend, server) not in found:
        names = ", ".join(f"{each[0]}/{each[1]}" for each in found)
        raise Refused(f"HAProxy at {haproxy.path} has no server {backend}/{server}; it has: {names}")
    return found[backend, server]


def is_drained(server: HaproxyServer) -> bool:
    """HAProxy also calls a drained server down, or in maintenance, when it is that as well."""
    return "DRAIN" in server.status


def run(params: dict[str, Any], check: bool) -> dict[str, Any]:
    """Bring the server to its state."""
    if params["server"] is None:
        return bring_back(HaproxySocket(params["socket"]), params["backend"], check)
    haproxy = HaproxySocket(params["socket"])
    backend, name, drained = params["backend"], params["server"], params["state"] == "drained"
    before = after = find(haproxy, backend, name)
    if not check:
        if drained:
            dead_man.arm(undrain_unit(name), params["ready_after"], undrain_command(backend, name))
        haproxy.set_state(backend, name, "drain" if drained else "ready")
        if not drained:
            dead_man.disarm(undrain_unit(name))
        patience = params["wait_timeout"] if drained else 0.0
        after = wait_until(lambda: find(haproxy, backend, name), lambda s: s.sessions == 0, seconds=patience).last
    return {
        "changed": is_drained(before) != drained,
        "server": asdict(after),
        "diff": {"before": f"{before.status}\n", "after": f"{params['state'] if check else after.status}\n"},
    }


def bring_back(haproxy: HaproxySocket, backend: str, check: bool) -> dict[str, Any]:
    """Let all serve again that an operation has drained which did not come to its end.

    Their timers tell: the status hides that a server is drained while it is down as well. They also do it where HAProxy
    does not answer now, so that this keeps nobody from an operation that can do without it.
    """
    try:
        servers = haproxy.servers()
    except RemoteError as error:
        return {"changed": False, "brought_back": [], "warnings": [f"Nobody was brought back: {error}"]}
    left = [each.name for each in servers if each.backend == backend and dead_man.is_armed(undrain_unit(each.name))]
    for name in left if not check else ():
        haproxy.set_state(backend, name, "ready")
        dead_man.disarm(undrain_unit(name))
    before, after = ("".join(f"{name} {word}\n" for name in left) for word in ("drained", "ready"))
    return {"changed": bool(left), "brought_back": left, "diff": {"before": before, "after": after}}


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(
        argument_spec=ARGUMENTS, required_if=[("state", "drained", ["server"])], supports_check_mode=True
    )
    try:
        answer = run(module.params, module.check_mode)
    except MatriarchError as error:
        module.fail_json(msg=str(error), **error.details)
    for warning in answer.pop("warnings", []):
        module.warn(warning)
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
