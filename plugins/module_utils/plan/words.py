# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers and names as people read them. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def size(count: int) -> str:
    """A number of bytes in the largest unit of which there is one: "1.5 GiB"."""
    number, unit = float(count), 0
    while number >= 1024 and unit < len(UNITS) - 1:
        number, unit = number / 1024, unit + 1
    return f"{number:.1f} {UNITS[unit]}" if unit else f"{count} B"


def moment(told: object) -> str:
    """A time in ISO 8601, to the second and in UTC; as it was told where it is none, and "?" where nothing was."""
    try:
        parsed = datetime.fromisoformat(str(told))
    except ValueError:
        return str(told or "?")
    return f"{parsed.astimezone(UTC):%Y-%m-%d %H:%M:%S}" if parsed.tzinfo else str(told)


def plain(text: object) -> str:
    """A value on one line, whatever a stranger put into it: what cannot be printed becomes a question mark."""
    return "".join(letter if letter.isprintable() else "?" for letter in " ".join(str(text).split()))
