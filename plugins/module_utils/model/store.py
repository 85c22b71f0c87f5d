# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Patroni keeps of a cluster in the consensus store. Immutable; parsed once, here.

It outlives the members' own keys, which go with their hosts: who the voters were is known here alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import TimelineEnd

MEMBERS = "members/"


@dataclass(frozen=True)
class StoreRecord:
    """One cluster at one moment.

    While `voters_of` led, a commit was acknowledged only when so many of the `voters` had written it that every
    `quorum` + 1 of them include one that has it (documented at Patroni's SyncState). Without synchronous replication
    there are no voters.
    """

    leader: str | None = None  # who holds the leader's key
    voters_of: str | None = None
    voters: tuple[str, ...] = ()
    quorum: int = 0
    last_lsn: int | None = None  # how far the leader's log reached when it last said so, once in each loop_wait
    history: tuple[TimelineEnd, ...] = ()
    paused: bool = False
    member_urls: Mapping[str, str] = field(default_factory=dict)  # Patronis whose own keys have not expired

    @classmethod
    def from_values(cls, values: Mapping[str, str]) -> StoreRecord:
        """Parse the keys below the cluster's directory. Raises ValueError when they are those of no cluster."""
        if "initialize" not in values:
            raise ValueError("no cluster of that name is kept there")
        sync = _object(values.get("sync"))
        leader = sync.get("leader") or None
        return cls(
            leader=values.get("leader") or None,
            voters_of=leader,
            voters=tuple(name.strip() for name in str(sync.get("sync_standby") or "").split(",") if name.strip()),
            quorum=int(sync.get("quorum") or 0) if leader else 0,
            last_lsn=_object(values.get("status")).get("optime"),
            history=TimelineEnd.all_from_json(json.loads(values.get("history") or "[]")),
            paused=_object(values.get("config")).get("pause") is True,
            member_urls={
                key.removeprefix(MEMBERS): str(_object(value).get("api_url") or "").removesuffix("/patroni")
                for key, value in values.items()
                if key.startswith(MEMBERS)
            },
        )

    @property
    def answers_needed(self) -> int:
        """How many voters must be heard, so that one of them has every acknowledged commit."""
        return self.quorum + 1

    @property
    def timeline(self) -> int:
        """The last timeline on which somebody is known to have led."""
        return self.history[-1].timeline + 1 if self.history else 1


def _object(text: str | None) -> dict[str, Any]:
    value = json.loads(text) if text else {}
    return value if isinstance(value, dict) else {}
