# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.etcd_agreement import Agreement, KeysHash

SAME, OTHER = KeysHash(1, -1), KeysHash(2, -1)
COMPACTED, OTHER_COMPACTED = KeysHash(3, 90), KeysHash(4, 90)


@pytest.mark.parametrize(
    ("hashes", "contradiction"),
    [
        ((), ""),
        ((SAME,), ""),
        ((SAME, SAME, SAME), ""),
        ((OTHER, SAME, SAME), "different keys at revision 100 have a and b, c"),
        ((SAME, OTHER, SAME), "different keys at revision 100 have a, c and b"),
        ((SAME, SAME, COMPACTED), ""),
        ((COMPACTED, SAME, OTHER_COMPACTED), "different keys at revision 100 have a and c"),
        ((SAME, OTHER, COMPACTED, OTHER_COMPACTED), "different keys at revision 100 have a and b; c and d"),
    ],
)
def test_only_what_was_compacted_alike_can_contradict(hashes: tuple[KeysHash, ...], contradiction: str) -> None:
    told = dict(zip("abcd", hashes, strict=False))
    assert Agreement(100, told).contradiction == contradiction
