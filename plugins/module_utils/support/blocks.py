# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets that go over several lines: private keys, values in blocks, here-documents."""

from __future__ import annotations

import re

from ansible_collections.matriarch.pgcluster.plugins.module_utils.support.literals import MARK
from ansible_collections.matriarch.pgcluster.plugins.module_utils.support.names import is_harmless, is_secret

_HEAD = re.compile(
    r"""^(?P<indent>[ \t]*(?:- )*)["']?(?P<name>[A-Za-z_][\w.\-]{0,80})["']?[ \t]*"""
    r"""(?:=>|:=|=|:)(?!:)[ \t]*(?P<value>.*)$"""
)
_HERE = re.compile(r"<<[-~]?\s*['\"]?(\w+)['\"]?\s*$")
_WHOLE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----")
_BEGIN = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*$")
_END = re.compile(r"-----END [A-Z ]*PRIVATE KEY-----")
_BODY = re.compile(r"[A-Za-z0-9+/=\\]+")
LONGEST_KEY = 250
"""Lines; a key of 16384 bits has 200."""


def remove_keys(lines: list[str]) -> tuple[list[str], int]:
    """The lines without private keys, whole ones and those of which only a part is there."""
    kept = list(lines)
    removed = 0
    for place, line in enumerate(lines):
        if "PRIVATE KEY" not in line:
            continue
        kept[place] = line = _WHOLE_KEY.sub(MARK, line)
        if _BEGIN.search(line):
            kept[place] = _BEGIN.sub(MARK, line)
            _blank(kept, range(place + 1, min(place + LONGEST_KEY, len(kept))))
        elif _END.search(line):
            _blank(kept, range(place - 1, max(place - LONGEST_KEY, -1), -1))
            kept[place] = _without_end(line)
        removed += kept[place] != lines[place]
    return kept, removed


def _blank(lines: list[str], places: range) -> None:
    """Take a key's body out, of which a log may have written each line behind a time of its own."""
    for place in places:
        line = lines[place]
        if _END.search(line):
            lines[place] = _without_end(line)
            return
        before, last = _last_word(line)
        is_body = bool(_BODY.fullmatch(last))
        if _BEGIN.search(line) or (places.step < 0 and not is_body):
            return
        lines[place] = before + MARK if is_body else line


def _last_word(line: str) -> tuple[str, str]:
    words = line.rstrip().rsplit(None, 1)
    last = words[-1] if words else ""
    return line.rstrip()[: len(line.rstrip()) - len(last)], last


def _without_end(line: str) -> str:
    """What stands in the same word before the end is the key's last line."""
    before, _end, after = line.partition("-----END")
    kept = before[: len(before) - len(_last_word(before)[1])] if before[-1:].strip() else before
    return kept + MARK + _END.sub("", "-----END" + after, count=1)


def remove_blocks(lines: list[str]) -> tuple[list[str], int]:
    """The lines without those that go on with a secret's value: deeper in than its name, or in a here-document."""
    kept = list(lines)
    removed = place = 0
    while place < len(lines):
        end = _end(lines, place)
        for each in range(place + 1, end):
            bare = lines[each].lstrip()
            if bare:
                kept[each] = lines[each][: len(lines[each]) - len(bare)] + MARK
                removed += 1
        place = end
    return kept, removed


def _end(lines: list[str], place: int) -> int:
    """The first line after this one, and after the value that begins here if it is a secret's."""
    head = _HEAD.match(lines[place])
    if head is None or not is_secret(head["name"]):
        return place + 1
    value = head["value"].strip()
    if here := _HERE.search(value):
        ends = (n for n in range(place + 1, len(lines)) if lines[n].strip() == here[1])
        return next(ends, len(lines))
    if value and is_harmless(value):
        return place + 1
    return _deeper_end(lines, place, head["indent"])


def _deeper_end(lines: list[str], place: int, indent: str) -> int:
    least, column = len(indent.expandtabs()), len(indent) - len(indent.lstrip())
    end = place + 1
    for number in range(place + 1, len(lines)):
        line = lines[number].expandtabs()
        depth = len(line) - len(line.lstrip())
        if not line.strip():
            continue
        if depth <= least and not (depth in (least, column) and line.lstrip().startswith("- ") and not indent.strip()):
            break
        end = number + 1
    return end
