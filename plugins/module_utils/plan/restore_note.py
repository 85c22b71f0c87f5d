# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The note that a restore leaves in etcd, and what etcd must forget of the former cluster. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.etcd_keys import Delete, Put, Unchanged
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import Refused

KEPT = ("config", "initialize", "history")
"""Patroni's keys that stay: what was declared, and which timelines there were, so that no older one leads again."""


def note_key(cluster: str) -> str:
    """Where the note lies, beside the lock and the journal."""
    return f"/matriarch/{quote(cluster, safe='')}/restore"


@dataclass(frozen=True)
class NoteState:
    """etcd as it was read. `values` and `revisions` are Patroni's keys, without their directory; 0 for no note."""

    key: str
    directory: str
    note: Mapping[str, Any] | None = None
    revision: int = 0
    values: Mapping[str, str] = field(default_factory=dict)
    revisions: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class NoteChange:
    """One transaction, none where nothing changes; the note afterwards, and one of another wish that it replaces."""

    note: Mapping[str, Any] | None
    operations: Sequence[Put | Delete] = ()
    conditions: Sequence[Unchanged] = ()
    replaced: Mapping[str, Any] | None = None


def changes_of(state: NoteState, wanted: str, wish: Mapping[str, Any], note: Mapping[str, Any]) -> NoteChange:
    """The note that is wanted. Raises Refused for another wish once the former cluster was stopped."""
    still = [Unchanged(state.key, state.revision)]
    if wanted == "absent":
        return NoteChange(None, [Delete(state.key)] if state.note is not None else [], still)
    before, replaced = state.note, None
    if before is not None and wish and before.get("wish") != wish:
        if before.get("committed"):
            raise Refused(
                f"a restore to {told(before)} is half done: its cluster is stopped. Next: finish it, by running this "
                f"again with the same target, and then restore anew",
                note=dict(before),
            )
        before, replaced = None, before
    after = {**(before or {"wish": dict(wish)}), **note}
    if after == before:
        return NoteChange(before)
    return NoteChange(after, [_put(state, after)], still, replaced)


def forgetting(state: NoteState, identity: str) -> NoteChange:
    """Have Patroni's keys say nothing of who led and how far. Raises Refused where somebody leads, or no note says so.

    A restored member is behind the position that the former leader noted, and no former voter is one any more: with
    these keys Patroni would never let it lead.
    """
    if state.note is None or not state.note.get("committed"):
        raise Refused("no restore has stopped this cluster, so nothing is forgotten")
    if state.note.get("forgotten"):
        return NoteChange(state.note)
    if leader := state.values.get("leader"):
        raise Refused(f"{leader} leads, or led until a moment ago. Next: stop its Patroni, then run this again")
    after = {**state.note, "forgotten": True}
    is_same = state.values.get("initialize", identity) == identity
    kept = KEPT if is_same else ("config", "initialize")  # another cluster's timelines are its own
    gone = [Delete(f"{state.directory}{name}") for name in sorted(state.values) if name not in kept]
    adopted = [] if is_same else [Put(f"{state.directory}initialize", identity.encode())]
    conditions = [Unchanged(state.key, state.revision), Unchanged(f"{state.directory}leader", 0)]
    return NoteChange(after, [_put(state, after), *gone, *adopted], conditions)


def told(note: Mapping[str, Any]) -> str:
    """What the note is about, for people."""
    return str(note.get("wish", {}).get("target", "an unknown target"))


def _put(state: NoteState, note: Mapping[str, Any]) -> Put:
    return Put(state.key, json.dumps(note, sort_keys=True).encode())
