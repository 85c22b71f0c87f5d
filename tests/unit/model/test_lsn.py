# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import random

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model import lsn


@pytest.mark.parametrize(
    ("text", "position"),
    [("0/0", 0), ("0/5000060", 83886176), ("1/0", 2**32), ("FFFFFFFF/FFFFFFFF", 2**64 - 1), ("a/b", 10 * 2**32 + 11)],
)
def test_a_position_is_read(text: str, position: int) -> None:
    assert lsn.parse(text) == position
    assert lsn.show(position) == text.upper()


def test_what_is_shown_is_read_back() -> None:
    chance = random.Random(7)
    for _case in range(1000):
        position = chance.getrandbits(chance.randint(1, 64))
        assert lsn.parse(lsn.show(position)) == position


@pytest.mark.parametrize(
    "text",
    ["", "0", "/", "0/", "/0", "0/0/0", " 0/0", "0/0\n", "-1/0", "0x1/0", "1_0/0", "g/0", "\u0660/0", "123456789/0"],
)
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no position"):
        lsn.parse(text)
