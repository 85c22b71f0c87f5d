# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One read-only root file system per suite, built once and shared by all hosts as their lowest layer."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from . import apt
from .folders import locked
from .shell import run

# What a minimal cloud image has: enough for ssh and for Ansible, and no more.
PACKAGES = (
    "systemd",
    "systemd-sysv",
    "dbus",
    "python3",
    "python3-apt",
    "openssh-server",
    "iproute2",
    "procps",
    "ca-certificates",
    "sudo",
    "iputils-ping",
)
# Work at a random time, which would take apt's lock or a processor from a test; and the keys, which we make ourselves.
MASKED = ("apt-daily.timer", "apt-daily-upgrade.timer", "fstrim.timer", "dpkg-db-backup.timer", "sshd-keygen.service")
ENABLED = ("systemd-networkd.service", "ssh.service")
SSHD = "UseDNS no\nHostKey /etc/ssh/ssh_host_ed25519_key\n"
REVISION = 1  # raise it when `prepare` changes


def recipe(suite: str, sources: list[str], leniencies: list[str]) -> str:
    """A short name for what an image is made of: another recipe is another image beside the old one."""
    parts = [suite, sources, leniencies, PACKAGES, MASKED, ENABLED, SSHD, REVISION]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:10]


def ensure(cache: Path, suite: str, tell: Callable[[str], None]) -> Path:
    """The image of a suite; the first call builds it, which downloads about 80 MB and takes half a minute."""
    sources = apt.sources(suite, apt.this_machines_archive())
    leniencies = apt.this_machines_leniencies()
    image = cache / suite / f"image-{recipe(suite, sources, leniencies)}"
    with locked(cache / suite):
        if not image.exists():
            tell(f"building the {suite} image ...")
            partial = image.with_name(image.name + ".part")
            if partial.exists():
                run("rm", "-rf", "--one-file-system", partial)
            _bootstrap(suite, partial, sources, leniencies)
            prepare(partial)
            partial.rename(image)
    return image


def _bootstrap(suite: str, target: Path, sources: list[str], leniencies: list[str]) -> None:
    options = [f"--aptopt={line}" for line in leniencies]
    include = f"--include={','.join(PACKAGES)}"
    run("mmdebstrap", "-q", "--format=directory", "--variant=minbase", include, *options, suite, target, *sources)
    target.chmod(0o755)


def prepare(root: Path) -> None:
    """Make a fresh root file system ready to become many hosts: no identity, quick to boot, reachable by ssh."""
    units = root / "etc/systemd/system"
    for unit in MASKED:
        _link(units / unit, "/dev/null")
    for unit in ENABLED:
        _link(units / "multi-user.target.wants" / unit, f"/usr/lib/systemd/system/{unit}")
    _link(root / "etc/localtime", "/usr/share/zoneinfo/Etc/UTC")
    (root / "etc/ssh/sshd_config.d").mkdir(exist_ok=True)
    (root / "etc/ssh/sshd_config.d/lab.conf").write_text(SSHD)
    (root / "etc/apt/apt.conf.d/90lab").write_text('Acquire::Languages "none";\n')
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    shutil.rmtree(root / "var/lib/apt/lists/auxfiles", ignore_errors=True)
    # Empty lists must not look fresh, or Ansible's cache_valid_time skips the update.
    os.utime(root / "var/lib/apt/lists", (0, 0))


def _link(path: Path, target: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(target)
