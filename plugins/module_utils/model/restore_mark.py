# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What lies in a restored data directory to tell it from any other. Immutable; parsed once, here.

It is cloned to the other members with everything else: by it every member's data says of which restore it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import Refused

FILE = "matriarch_restore.json"
STAGES = ("copied", "recovered", "promoted")


@dataclass(frozen=True)
class RestoreMark:
    """One restore: its stamp, its target, how far it came, what was seen there, and all that was wished for."""

    stamp: str
    target: str = ""
    stage: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    wish: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_text(cls, text: str) -> RestoreMark:
        """Parse the file. Raises ValueError when it is something else."""
        try:
            told = json.loads(text)
            details = (dict(told["evidence"]), dict(told["wish"]))
            return cls(str(told["stamp"]), str(told["target"]), str(told["stage"]), *details)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{FILE} is no mark of a restore: {error!r}") from error

    def to_text(self) -> str:
        """As it is kept."""
        return json.dumps(asdict(self), indent=2, sort_keys=True) + "\n"

    def at(self, stage: str, evidence: Mapping[str, Any] | None = None) -> RestoreMark:
        """The mark one stage further."""
        return replace(self, stage=stage, evidence=self.evidence if evidence is None else evidence)


STAMP = re.compile(r"[0-9]{8}T[0-9]{6}Z", re.ASCII)


def beside(data: Path, stamp: str) -> Path:
    """Where the restored data lies until it takes its place. Raises Refused for what is no stamp."""
    if not STAMP.fullmatch(stamp):
        raise Refused(f"{stamp!r} is no stamp of a restore, like 20261201T020000Z")
    return data.with_name(f"{data.name}.restore-{stamp}")


def aside(data: Path, stamp: str) -> Path:
    """Where the former data lies from then on."""
    return data.with_name(f"{data.name}.former-{stamp}")
