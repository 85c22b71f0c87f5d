# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab's bridge, its way out, and the islands that partitions are made of."""

from __future__ import annotations

import re
from pathlib import Path

from .errors import LabError
from .host import Host
from .shell import attempt, run
from .subnet import Subnet

DEVICES = Path("/sys/class/net")
FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
FORWARDING_BEFORE = Path("/run/matriarch-lab/ip_forward.before")

MASQUERADE = """\
table ip {bridge}
delete table ip {bridge}
table ip {bridge} {{
  chain leave {{
    type nat hook postrouting priority srcnat
    ip saddr {cidr} ip daddr != {cidr} masquerade
  }}
}}
"""


def exists(device: str) -> bool:
    return (DEVICES / device).exists()


def up(subnet: Subnet) -> None:
    if not exists(subnet.bridge):
        _bridge(subnet.bridge)
    run("ip", "addr", "replace", f"{subnet.gateway}/24", "dev", subnet.bridge)
    run("nft", "-f", "-", stdin=MASQUERADE.format(bridge=subnet.bridge, cidr=subnet.cidr))
    _forward()


def down(subnet: Subnet) -> None:
    for device in [*islands(subnet), subnet.bridge]:
        if exists(device):
            run("ip", "link", "del", device)
    attempt("nft", "delete", "table", "ip", subnet.bridge)
    if not _devices(r"mlab\d+"):
        _forward_as_before()


def islands(subnet: Subnet) -> list[str]:
    return _devices(rf"{subnet.bridge}i\d+")


def island(subnet: Subnet) -> str:
    """A new bridge without an address of ours: its members see only each other."""
    device = next(name for number in range(1000) if not exists(name := f"{subnet.bridge}i{number}"))
    _bridge(device)
    return device


def remove_empty_islands(subnet: Subnet) -> None:
    for device in islands(subnet):
        if not any((DEVICES / device / "brif").iterdir()):
            run("ip", "link", "del", device)


def bridge_of(device: str) -> str | None:
    master = DEVICES / device / "master"
    return master.readlink().name if master.exists() else None


def plug(host: Host, bridge: str) -> None:
    """Move the host's cable to a bridge and see that it is there."""
    if not exists(host.port):
        raise LabError(f"{host.name}: no interface {host.port} here: the host is off; `start {host.name}` first")
    run("ip", "link", "set", host.port, "master", bridge)
    if (found := bridge_of(host.port)) != bridge:
        raise LabError(f"{host.name}: {host.port} was put on bridge {bridge} but is on {found}; see `ip link`")


def unplug(host: Host) -> None:
    """The kernel removes a dead host's cable some time later; we need the name free now."""
    for device in (host.port, host.relayed_port):
        if exists(device):
            attempt("ip", "link", "del", device)


def _devices(pattern: str) -> list[str]:
    return sorted(device.name for device in DEVICES.iterdir() if re.fullmatch(pattern, device.name))


def _bridge(device: str) -> None:
    run("ip", "link", "add", device, "type", "bridge", "forward_delay", "0")
    run("ip", "link", "set", device, "up")


def _forward() -> None:
    if not FORWARDING_BEFORE.exists():
        FORWARDING_BEFORE.parent.mkdir(parents=True, exist_ok=True)
        FORWARDING_BEFORE.write_text(FORWARDING.read_text())
    FORWARDING.write_text("1")


def _forward_as_before() -> None:
    if FORWARDING_BEFORE.exists():
        FORWARDING.write_text(FORWARDING_BEFORE.read_text())
        FORWARDING_BEFORE.unlink()
