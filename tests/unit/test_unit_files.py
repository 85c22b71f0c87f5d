# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for every service of systemd's: one that ended is started again, however often that has happened."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROLES = Path(__file__).resolve().parents[2] / "roles"
SERVICES = sorted(ROLES.glob("*/templates/*service*.j2"))
DEFAULT_BURST, DEFAULT_INTERVAL = 5, 10.0  # systemd.unit(5): so many starts in so many seconds, and none after that
UNITS = {"ms": 0.001, "s": 1.0}
DISTRIBUTION_RESTARTS = "haproxy.service.conf.j2"  # a drop-in: Debian's unit has Restart=always


def section(path: Path, name: str) -> str:
    """The lines of one section."""
    found = re.search(rf"^\[{name}\]\n(.*?)(?=^\[|\Z)", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return found[1] if found else ""


def is_restarted(path: Path) -> bool:
    return path.name == DISTRIBUTION_RESTARTS or "Restart=" in section(path, "Service")


def pause(path: Path) -> float:
    """Seconds between its end and its next start."""
    found = re.search(r"^RestartSec=(\d+)(ms|s)$", section(path, "Service"), re.MULTILINE)
    assert found, f"{path.name} does not say when it is started again"
    return int(found[1]) * UNITS[found[2]]


RESTARTED = [path for path in SERVICES if is_restarted(path)]


@pytest.mark.parametrize("path", RESTARTED, ids=lambda path: path.name)
def test_one_that_cannot_start_is_tried_until_it_can(path):
    """The disk may have room again tomorrow."""
    is_unlimited = "StartLimitIntervalSec=0" in section(path, "Unit").splitlines()
    assert is_unlimited or pause(path) * DEFAULT_BURST > DEFAULT_INTERVAL


@pytest.mark.parametrize("path", RESTARTED, ids=lambda path: path.name)
def test_one_that_ran_well_for_long_is_back_as_soon_as_the_first_time(path):
    """systemd counts restarts over days of good running."""
    assert pause(path) > 0
    assert "RestartSteps" not in re.sub("^#.*", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)


def test_these_are_all():
    assert {"patroni.service.j2", "etcd.service.j2", "pgbouncer@.service.j2", DISTRIBUTION_RESTARTS} <= {
        path.name for path in RESTARTED
    }
