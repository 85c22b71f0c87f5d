# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes a root file system one certain host: its name, address, keys and resolver."""

from __future__ import annotations

import uuid
from pathlib import Path

from .host import Host

STUB = Path("/etc/resolv.conf")
BEHIND_STUB = Path("/run/systemd/resolve/resolv.conf")

NETWORK = """\
[Match]
Name=host0

[Network]
Address={address}/24
Gateway={gateway}
LinkLocalAddressing=no
IPv6AcceptRA=no
IgnoreCarrierLoss=yes
"""


def settle(host: Host, host_key: Path, login_key: Path) -> None:
    put(host.root, "etc/hostname", f"{host.name}\n")
    put(host.root, "etc/hosts", f"127.0.0.1 localhost\n{host.address} {host.name}\n")
    put(host.root, "etc/machine-id", f"{uuid.uuid4().hex}\n")
    put(host.root, "etc/resolv.conf", resolver().read_text())
    network = NETWORK.format(address=host.address, gateway=host.subnet.gateway)
    put(host.root, "etc/systemd/network/10-lab.network", network)
    put(host.root, "etc/ssh/ssh_host_ed25519_key", host_key.read_text(), 0o600)
    put(host.root, "etc/ssh/ssh_host_ed25519_key.pub", host_key.with_suffix(".pub").read_text())
    (host.root / "root/.ssh").mkdir(mode=0o700, exist_ok=True)
    put(host.root, "root/.ssh/authorized_keys", login_key.with_suffix(".pub").read_text(), 0o600)


def resolver() -> Path:
    """A resolver that hosts can reach: systemd-resolved's loopback address means nothing to them."""
    loopback = "nameserver 127." in STUB.read_text()
    return BEHIND_STUB if loopback and BEHIND_STUB.exists() else STUB


def put(root: Path, name: str, text: str, mode: int = 0o644) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)  # it may be a link that leads out of the root
    path.touch(mode=0o600)
    path.write_text(text)
    path.chmod(mode)
