# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names and addresses as a certificate lists them, for playbooks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from ipaddress import ip_address
from typing import Any

from ansible.errors import AnsibleFilterError

try:
    import netaddr  # type: ignore[import-untyped]
except ImportError:  # told when it is needed, so that documentation tools can load this file without it
    netaddr = None


def subject_alt_names(names: Iterable[str]) -> list[str]:
    """Each name once, as ``IP:`` or ``DNS:``, in the order given; addresses as ``host_info`` tells them."""
    if netaddr is None:
        raise AnsibleFilterError("the Python library netaddr is missing on the control node; install it with pip")
    return list(dict.fromkeys(_marked(name) for name in names))


def _marked(name: str) -> str:
    is_address = netaddr.valid_ipv4(name) or netaddr.valid_ipv6(name)
    return f"IP:{ip_address(name)}" if is_address else f"DNS:{name}"


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"subject_alt_names": subject_alt_names}
