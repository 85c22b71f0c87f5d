# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.proof import DRILL, VERIFICATION, Proof, Trial


def trial(kind: str = DRILL, at: int = 1, *problems: str, **told: Any) -> Trial:
    return Trial(kind, f"2026-11-{at:02}T03:00:00Z", "db2", ("s3://b/shop at s3",), problems, **told)


def test_a_bad_one_does_not_make_the_last_good_one_forgotten():
    proof = Proof().knowing(trial(at=1)).knowing(trial(DRILL, 2, "corrupt")).knowing(trial(VERIFICATION, 3, "gap"))
    assert (proof.drill, proof.good_drill) == (trial(DRILL, 2, "corrupt"), trial(at=1))
    assert (proof.newest, proof.newest_good) == (trial(VERIFICATION, 3, "gap"), trial(at=1))


def test_in_whichever_order_it_is_heard_of():
    known = [trial(at=1), trial(DRILL, 2, "bad"), trial(VERIFICATION, 3), trial(VERIFICATION, 4, "bad")]
    ends = set()
    for order in permutations(known):
        proof = Proof()
        for each in order:
            proof = proof.merged(Proof().knowing(each))
        ends.add(proof.to_text())
    assert len(ends) == 1


def test_nobody_knows_anything_at_first():
    assert (Proof().newest, Proof().newest_good) == (None, None)


def test_what_was_kept_is_read():
    proof = Proof().knowing(trial(facts={"rto_seconds": 3.5})).knowing(trial(VERIFICATION, 2, "a", "b"))
    assert Proof.from_text(proof.to_text()) == proof
    assert Proof.parse(proof.told()) == proof


@pytest.mark.parametrize(
    "text", ["", "[]", "null", '{"drill": 1}', '{"drill": {"kind": "drill"}}', '{"drill": {"kind": "x"}}']
)
def test_what_is_something_else(text):
    with pytest.raises(ValueError, match="no drill and no verification"):
        Proof.from_text(text)
