# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the members of an etcd hold the same keys. Pure.

Raft makes them apply the same log, and nothing in it compares what came of that. Members that have parted go on
together, and answer differently: a compare-and-set then succeeds in some of them only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class KeysHash:
    """All keys between a compaction and a revision as one number; it says nothing of another compaction's."""

    value: int
    compacted: int

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> KeysHash:
        """Parse the answer to a request for a hash. Raises KeyError, TypeError or ValueError when it is none."""
        return cls(int(data["hash"]), int(data.get("compact_revision", 0)))


@dataclass(frozen=True)
class Agreement:
    """What each member, by name, says of the same revision."""

    revision: int
    hashes: Mapping[str, KeysHash]

    @property
    def contradiction(self) -> str:
        """Who holds something else than whom; nothing where all that can be compared is the same.

        Members compact at the same place of the log, but not at the same moment: in between they cannot be compared.
        """
        camps: dict[int, dict[int, list[str]]] = {}
        for name, told in sorted(self.hashes.items()):
            camps.setdefault(told.compacted, {}).setdefault(told.value, []).append(name)
        parted = [" and ".join(", ".join(names) for names in camp.values()) for camp in camps.values() if len(camp) > 1]
        return f"different keys at revision {self.revision} have {'; '.join(parted)}" if parted else ""
