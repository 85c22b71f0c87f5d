# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import random

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.wal import Fork, Segment, parse_history


@pytest.mark.parametrize(
    ("name", "segment"),
    [
        ("000000010000000000000004", Segment(1, 4)),
        ("0000000A00000001000000FF", Segment(10, 511)),
        ("00000002000000000000000C-0123456789abcdef.gz", Segment(2, 12)),
    ],
)
def test_a_name_is_read(name: str, segment: Segment) -> None:
    assert Segment.parse(name) == segment
    assert segment.name() == name[:24]


def test_every_name_is_read_back() -> None:
    chance = random.Random(7)
    for size in (1 << 20, 1 << 24, 1 << 30):
        for _case in range(300):
            segment = Segment(chance.randint(1, 2**32 - 1), chance.getrandbits(chance.randint(1, 34)))
            assert Segment.parse(segment.name(size), size) == segment


@pytest.mark.parametrize(
    "name", ["", "00000002.history", "00000001000000000000000", "archive.info", "0000000g0000000000000001"]
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no name of a WAL segment"):
        Segment.parse(name)


def test_the_segment_of_a_position() -> None:
    assert Segment.holding(3, 0x5000060) == Segment(3, 5)
    assert Segment.holding(3, 0x5000000) == Segment(3, 5)
    assert Segment.holding(3, 0x4FFFFFF) == Segment(3, 4)


def test_a_history_is_read() -> None:
    text = '1\t0/A000098\tno recovery target specified\n\n2\t1/C0000A0\treached the named point "x"\t!\n'
    assert parse_history(text) == (Fork(1, 0xA000098), Fork(2, 0x1_0C00_00A0))
    assert parse_history("") == ()


@pytest.mark.parametrize("text", ["1 0/A\n", "x\t0/A\n", "1\tA\n", "1\n"])
def test_what_is_no_history_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_history(text)
