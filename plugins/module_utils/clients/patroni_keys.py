# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who leads, as Patroni keeps it in etcd. Immutable."""

from __future__ import annotations

import json
from dataclasses import dataclass

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.etcd_keys import KeyValue


@dataclass(frozen=True)
class Leadership:
    """The keys `leader` and `config`; one that is not there is None."""

    leader: KeyValue | None
    config: KeyValue | None

    @property
    def leads(self) -> str:
        """The leader's name; empty where nobody leads."""
        return text(self.leader)

    @property
    def paused(self) -> bool:
        """Whether people work on the cluster by hand; also where nobody can tell."""
        try:
            return bool(json.loads(text(self.config)).get("pause"))
        except (AttributeError, ValueError):
            return True


def text(found: KeyValue | None) -> str:
    """A key's value; empty where it is not there."""
    return found.value.decode(errors="replace") if found else ""


def revision(found: KeyValue | None) -> int:
    """When a key was written last; 0 where it is not there."""
    return found.mod_revision if found else 0
