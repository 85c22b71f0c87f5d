# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A member's word that it hears nothing of the leader's host, in etcd, where the others read it."""

from __future__ import annotations

from contextlib import suppress

from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import RemoteError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.fencing.store import FencingStore, Standing

WORD_SECONDS = 5  # that a word of somebody counts who has died or been cut off since


class Suspicion:
    """This member's own word.

    It is given only while etcd answers, and is worth nothing any more as soon as etcd does not: the silence that a host
    hears while it is cut off is its own, and ends with the next look at the leader.
    """

    def __init__(self, store: FencingStore, member: str) -> None:
        self._store, self._member, self._lease = store, member, 0

    def follow(self, standing: Standing | None, is_silent: bool) -> None:
        """Give the word, give it again when it is over, or take it back, as etcd and the last look have it."""
        with suppress(RemoteError):  # whatever was said ends by itself
            if standing is None:
                self._lease = 0
            elif not is_silent:
                self._take_back()
            elif not self.is_heard(standing):
                self._lease = 0
                self._lease = self._store.suspect(standing, self._member, WORD_SECONDS)

    def is_heard(self, standing: Standing) -> bool:
        """Whether it was given before, and still stands."""
        return bool(self._lease) and standing.suspecting.get(self._member) == self._lease

    def _take_back(self) -> None:
        given, self._lease = self._lease, 0
        if given:
            self._store.forget(given)
