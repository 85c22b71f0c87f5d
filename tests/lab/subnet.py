# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which network a lab owns: the number N makes 10.77.N.0/24, the bridge mlabN and everything else named after it."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path

from .errors import LabError
from .folders import locked
from .shell import run

RECORD = "lab.json"
FIRST_HOST = 11


@dataclass(frozen=True)
class Subnet:
    number: int

    @property
    def bridge(self) -> str:
        return f"mlab{self.number}"

    @property
    def cidr(self) -> str:
        return f"{self.address(0)}/24"

    @property
    def gateway(self) -> str:
        """This machine, as the hosts see it."""
        return self.address(1)

    def address(self, octet: int) -> str:
        return f"10.77.{self.number}.{octet}"


def choose(lab: str, taken: Set[int]) -> int:
    """The same number for the same name, or the next free one after it."""
    start = zlib.crc32(lab.encode()) % 254
    for step in range(254):
        number = 1 + (start + step) % 254
        if number not in taken:
            return number
    raise LabError(f"lab {lab}: all 254 networks 10.77.1-254.0/24 are taken; remove a lab with `down --purge`")


def known(state: Path, lab: str) -> Subnet | None:
    """The network of a lab that has one already."""
    record = state / lab / RECORD
    return Subnet(json.loads(record.read_text())["subnet"]) if record.exists() else None


def claim(state: Path, lab: str) -> Subnet:
    """The network of a lab; a new lab gets one that no other lab and no interface of this machine has."""
    with locked(state):
        if found := known(state, lab):
            return found
        recorded = {json.loads(record.read_text())["subnet"] for record in state.glob(f"*/{RECORD}")}
        number = choose(lab, recorded | _on_this_machine())
        (state / lab).mkdir(exist_ok=True)
        (state / lab / RECORD).write_text(json.dumps({"subnet": number}) + "\n")
        return Subnet(number)


def _on_this_machine() -> set[int]:
    routes = run("ip", "-4", "route", "show", "table", "all")
    return {int(number) for number in re.findall(r"\b10\.77\.(\d+)\.", routes)}
