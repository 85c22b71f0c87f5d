# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Positions in the write-ahead log: bytes since its beginning, as numbers, and as PostgreSQL writes them."""

from __future__ import annotations

import re

WRITTEN = re.compile(r"[0-9A-Fa-f]{1,8}/[0-9A-Fa-f]{1,8}", re.ASCII)


def parse(text: str) -> int:
    """ "0/5000060" as a number of bytes. Raises ValueError for anything that PostgreSQL would not write."""
    if not WRITTEN.fullmatch(text):
        raise ValueError(f"{text!r} is no position in the write-ahead log, like 0/5000060")
    high, low = text.split("/")
    return (int(high, 16) << 32) + int(low, 16)


def show(position: int) -> str:
    """A number of bytes as PostgreSQL writes it, like "0/5000060"."""
    return f"{position >> 32:X}/{position & 0xFFFFFFFF:X}"
