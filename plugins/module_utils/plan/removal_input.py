# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is still there of a host that shall go, from what every host said of itself. Parsed once, here. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.removal import Leaving

Facts = Mapping[str, Any]


def leaving_from_facts(
    name: str,
    topology: Facts,
    seen: Mapping[str, Facts],
    units: Mapping[str, Facts],
    protection: str,
    unprotected: bool,
) -> Leaving:
    """The host *name*.

    `seen`: what P(matriarch.pgcluster.host_status#module) returned on each host that answers. `units`: those of the
    host itself, as P(matriarch.pgcluster.host_info#module) returns them.
    """
    return Leaving(
        name=name,
        answers=name in seen,
        units=tuple(unit for unit, state in units.items() if _is_present(state)),
        routed_by=tuple(proxy for proxy, told in seen.items() if _routes_to(name, told)),
        proxies=tuple(proxy for proxy in topology["proxy"] if proxy == name or _serves(seen.get(proxy))),
        members=tuple(topology["postgres"]),
        slots={member: _slots(told) for member, told in seen.items() if told["postgres"]},
        protection=protection,
        unprotected=unprotected,
    )


def _is_present(unit: Facts) -> bool:
    """True for what runs, what systemd tries to run, and what a boot would start."""
    return unit["active"] not in ("inactive", "failed") or unit["enabled"] == "enabled"


def _routes_to(name: str, told: Facts) -> bool:
    """HAProxy's words for a server that gets clients begin with UP; a drained one, or one that is down, gets none."""
    return any(server["name"] == name and server["status"].startswith("UP") for server in told["haproxy"] or ())


def _serves(told: Facts | None) -> bool:
    """Whether a HAProxy answered there."""
    return told is not None and told["haproxy"] is not None


def _slots(told: Facts) -> tuple[str, ...]:
    return tuple(slot["name"] for slot in told["postgres"]["slots"])
