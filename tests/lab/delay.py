# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A slow network: kernels we meet lack netem, so a program of ours carries the frames of one host, late.

The host's port takes another name and a tap takes over its old one, so that partitions and power cuts
need not know whether a relay stands between.
"""

from __future__ import annotations

import subprocess
import sys

from . import cgroup, network, relay
from .cgroup import Group
from .errors import LabError
from .host import Host
from .inside import netns_command
from .shell import run, wait_until

DEADLINE = 5.0  # seconds until the relay has its tap


def set_to(host: Host, milliseconds: float) -> None:
    """Delay each frame by so much, both ways; 0 undoes it."""
    stop(host)
    if milliseconds > 0:
        _start(host, milliseconds)


def stop(host: Host) -> None:
    """The host's port gets its name and its place back; the connection is cut for a moment."""
    if not network.exists(host.relayed_port):
        return
    bridge = network.bridge_of(host.port) or host.subnet.bridge
    end(host)
    _rename(host.relayed_port, host.port)
    network.plug(host, bridge)


def end(host: Host) -> None:
    """No relay any more; its tap goes with it."""
    group = _group(host)
    group.kill()
    group.remove()


def _start(host: Host, milliseconds: float) -> None:
    bridge = network.bridge_of(host.port)
    if not bridge:
        raise LabError(f"{host.name}: {host.port} is on no bridge: the host is off; `start {host.name}` first")
    # The relay must see frames as a wire would carry them: no missing checksums, no super-frames.
    run(*netns_command(host), sys.executable, relay.__file__, "offload-off", "host0")
    relay.offload_off(host.port)
    _rename(host.port, host.relayed_port)
    _launch(host, milliseconds)
    run("ip", "link", "set", host.port, "up")
    network.plug(host, bridge)


def _launch(host: Host, milliseconds: float) -> None:
    group = _group(host)
    group.create()
    seconds = str(milliseconds / 1000)
    command = group.enclose([sys.executable, relay.__file__, "carry", host.relayed_port, host.port, seconds])
    said = host.folder / "relay.log"
    with said.open("w", encoding="utf-8") as log:
        subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=True)
    if not wait_until(lambda: network.exists(host.port), DEADLINE):
        words = said.read_text().strip() or "nothing"
        raise LabError(f"{host.name}: the relay made no {host.port} in {DEADLINE:.0f} s, it said: {words}")


def _rename(old: str, new: str) -> None:
    run("ip", "link", "set", old, "down")
    run("ip", "link", "set", old, "nomaster", "name", new)
    run("ip", "link", "set", new, "up")


def _group(host: Host) -> Group:
    return Group(cgroup.of_lab(host.subnet).path / f"{host.name}.relay")
