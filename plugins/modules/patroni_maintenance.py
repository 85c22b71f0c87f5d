#!/usr/bin/python
# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: patroni_maintenance
version_added: 0.1.0
short_description: Pause Patroni, or let it go on
description:
  - While Patroni is paused, PostgreSQL runs on, but nobody starts, stops or promotes it. There is no failover.
  - Returns when every member says that it has noticed.
  - A pause can be given an end. A timer on the host where the module runs then lets Patroni go on, even if whoever
    paused it never comes back. Run the module on several members, so that one of them is there when the time comes.
extends_documentation_fragment:
  - matriarch.pgcluster.patroni
  - matriarch.pgcluster.tls
attributes:
  check_mode:
    description: Can run in check mode and predict the change without making it.
    support: full
  diff_mode:
    description: Shows what has changed in diff mode.
    support: full
  idempotent:
    description: Running it twice in a row outside check mode changes nothing the second time.
    support: partial
    details: With O(resume_after) the time begins anew, which is a change.
options:
  state:
    description:
      - V(paused) pauses the cluster.
      - V(resumed) lets Patroni go on, and takes away the timer of this host, if there is one.
    type: str
    choices: [paused, resumed]
    required: true
  resume_after:
    description:
      - After how many seconds the pause ends by itself; 0 for never. Only with O(state=paused).
      - A transient timer of systemd on this host, which calls C(patronictl edit-config), and again while that fails, as
        it does without a quorum of etcd. A reboot of the host ends it.
    type: float
    default: 0.0
  patronictl:
    description: Path of C(patronictl). Without it the places are looked at where this collection installs it.
    type: path
  patronictl_config:
    description: Path of the configuration that C(patronictl) reads.
    type: path
    default: /etc/patroni/config.yml
  wait_timeout:
    description: How long to wait until every member has noticed, in seconds. A dead host is forgotten after its C(ttl).
    type: float
    default: 60.0
author:
  - The Matriarch authors (@matriarch)
"""

EXAMPLES = r"""
- name: Pause for at most half an hour
  matriarch.pgcluster.patroni_maintenance:
    urls: [https://pg1:8008, https://pg2:8008, https://pg3:8008]
    ca_file: /etc/matriarch/tls/ca.crt
    client_cert: /etc/matriarch/tls/host.crt
    client_key: /etc/matriarch/tls/host.key
    state: paused
    resume_after: 1800
  throttle: 1

- name: Go on
  matriarch.pgcluster.patroni_maintenance:
    urls: [https://pg1:8008, https://pg2:8008, https://pg3:8008]
    ca_file: /etc/matriarch/tls/ca.crt
    client_cert: /etc/matriarch/tls/host.crt
    client_key: /etc/matriarch/tls/host.key
    state: resumed
  throttle: 1
"""

RETURN = r"""
paused:
  description: Whether Patroni is paused now; in check mode, would be.
  returned: success
  type: bool
acknowledged:
  description: The members that say so.
  returned: success
  type: list
  elements: str
  sample: [pg1, pg2, pg3]
waited_seconds:
  description: How long it took until all of them did.
  returned: success
  type: float
missing:
  description: The members that did not notice in time, with the reason.
  returned: when some did not
  type: dict
  sample: {"pg3": "no answer in time"}
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.matriarch.pgcluster.plugins.module_utils.arguments import (
    CONNECTION,
    CONNECTION_REQUIRED_BY,
    patroni_clients,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients import dead_man
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.json_http import first_answer
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.patroni import PatroniClient
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import (
    DeadlineExceeded,
    MatriarchError,
    NobodyAnswered,
    Refused,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.members import ask_members
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.member_status import Voice
from ansible_collections.matriarch.pgcluster.plugins.module_utils.wait import Outcome, wait_until

TIMER = "matriarch-end-of-maintenance"
SYSTEMD_RUNS = "/run/systemd/system"  # there wherever systemd is the init, as in sd_booted(3)
PLACES = ("/opt/matriarch/patroni/bin/patronictl", "/usr/bin/patronictl")


@dataclass(frozen=True)
class Echo:
    """Who has noticed, and who has not, with the reason."""

    acknowledged: tuple[str, ...] = ()
    missing: dict[str, str] = field(default_factory=dict)


def listen(clients: list[PatroniClient], paused: bool) -> Echo:
    """Ask every member that the cluster knows at this moment."""
    try:
        members = first_answer(clients, PatroniClient.cluster).answer.members
    except NobodyAnswered as error:
        return Echo(missing=error.unanswered)
    names = {m.api_url.removesuffix("/patroni"): m.name for m in members if m.api_url}
    voices = ask_members([PatroniClient(clients[0].http.at(url)) for url in names], names)
    missing = {v.name: reason for v in voices if (reason := why_not(v, paused))}
    return Echo(tuple(v.name for v in voices if v.name not in missing), missing)


def why_not(voice: Voice, paused: bool) -> str:
    """Why the member does not count as one that has noticed; empty where it does."""
    if voice.status is None:
        return voice.reason
    return "" if voice.status.paused == paused else f"it is {'not paused yet' if paused else 'still paused'}"


def resume_command(params: dict[str, Any]) -> list[str]:
    """What the timer runs. Raises Refused where that is not there: a timer that cannot work helps nobody.

    Not `patronictl resume`, which fails where somebody else has ended the pause before.
    """
    ctl = params["patronictl"] or next((place for place in PLACES if Path(place).exists()), PLACES[-1])
    for path in (ctl, params["patronictl_config"]):
        if not Path(path).exists():
            raise Refused(f"{path} is not on this host, and 'resume_after' needs it. Next: run this on a member")
    return [ctl, "-c", params["patronictl_config"], "edit-config", "--force", "--quiet", "--set", "pause=null"]


@dataclass(frozen=True)
class Timer:
    """This host's timer: whether one runs now, and what it shall be (0 seconds: none)."""

    armed: bool
    seconds: float
    command: list[str]

    @property
    def changes(self) -> bool:
        """True when it is to be set, or taken away."""
        return self.seconds > 0 or self.armed

    def set(self) -> None:
        """Arm it, anew if it runs; or take it away."""
        if self.seconds > 0:
            dead_man.arm(TIMER, self.seconds, self.command)
        elif self.armed:
            dead_man.disarm(TIMER)


def read_timer(params: dict[str, Any]) -> Timer:
    """What is to become of this host's timer. A pause without an end leaves alone what somebody else has armed."""
    if params["state"] == "paused":
        seconds = params["resume_after"]
        return Timer(False, seconds, resume_command(params) if seconds > 0 else [])
    return Timer(Path(SYSTEMD_RUNS).exists() and dead_man.is_armed(TIMER), 0, [])


def change(patroni: PatroniClient, paused: bool, timer: Timer) -> None:
    """Pause once the timer is set, and go on before it is taken away, so that no pause is without its end."""
    if paused:
        timer.set()
    patroni.patch_config({"pause": True if paused else None})
    if not paused:
        timer.set()


def in_vain(outcome: Outcome[Echo], paused: bool) -> DeadlineExceeded:
    """The error of a wait that ended before all had noticed."""
    told = "; ".join(f"{name}: {reason}" for name, reason in outcome.last.missing.items())
    word = "paused" if paused else "resumed"
    return DeadlineExceeded(
        f"the cluster is {word}, but {outcome.seconds:.0f} s later not every member has noticed: {told}. "
        "Next, on the members named: journalctl -u patroni -n 50",
        paused=paused,
        missing=outcome.last.missing,
    )


def run(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Read, plan, apply unless in check mode, verify, report."""
    paused = params["state"] == "paused"
    clients = patroni_clients(params)
    found = first_answer(clients, PatroniClient.cluster)
    before = found.answer.paused
    timer = read_timer(params)
    acting = before != paused or timer.changes
    if acting and not check_mode:
        change(found.client, paused, timer)
    outcome = wait_until(
        lambda: listen(clients, before if check_mode else paused),
        lambda echo: not echo.missing,
        seconds=0 if check_mode else params["wait_timeout"],
        interval=0.5,
    )
    if not outcome.reached and not check_mode:
        raise in_vain(outcome, paused)
    return {
        "changed": acting,
        "paused": paused,
        "acknowledged": list(outcome.last.acknowledged),
        "waited_seconds": round(outcome.seconds, 1),
        "diff": {
            "before": {"paused": before, "timer": timer.armed},
            "after": {"paused": paused, "timer": timer.seconds > 0},
        },
    }


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(
        argument_spec={
            **CONNECTION,
            "state": {"type": "str", "choices": ["paused", "resumed"], "required": True},
            "resume_after": {"type": "float", "default": 0.0},
            "patronictl": {"type": "path"},
            "patronictl_config": {"type": "path", "default": "/etc/patroni/config.yml"},
            "wait_timeout": {"type": "float", "default": 60.0},
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
