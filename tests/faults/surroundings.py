"""What faults happened to: the machine, and the versions of what is on its hosts."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

from faults.arena import Arena

PACKAGES = ("postgresql-*", "patroni", "etcd-server", "haproxy", "pgbouncer")
LISTED = "dpkg-query --show --showformat '${{db:Status-Status}} ${{Package}} ${{Version}}\\n' {} 2>/dev/null || :"
ROOT = Path(__file__).resolve().parents[2]


def describe(arena: Arena) -> dict[str, str]:
    """In the order in which it is to be read."""
    host, settings = arena.names[0], arena.configuration()
    return {
        "machine": f"{os.cpu_count()} cores ({model()}), {memory_gib():.0f} GiB of memory, for all hosts and clients",
        "kernel": platform.release().partition("-")[0],
        "hosts": f"{len(arena.names)}, {arena.shell(host, '. /etc/os-release && echo $PRETTY_NAME')}",
        "commits wait": f"for {settings['synchronous_mode']}; ttl {settings['ttl']} s",
        **versions(arena.shell(host, LISTED.format(" ".join(f"'{name}'" for name in PACKAGES)))),
        "collection": commit(),
    }


def versions(listed: str) -> dict[str, str]:
    """Of what is installed; of PostgreSQL the server, whose package is named after its major version."""
    found = [line.split() for line in listed.splitlines()]
    packages = {words[1]: words[2] for words in found if words[0] == "installed"}
    return {
        ("postgresql" if name.startswith("postgresql-") else name): version
        for name, version in sorted(packages.items())
        if not name.startswith("postgresql-") or name.removeprefix("postgresql-").isdigit()
    }


def model() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def commit() -> str:
    """Of the checkout, if it is one."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "no checkout"
