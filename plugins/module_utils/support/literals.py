# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets that are known, wherever they occur and however they are quoted there."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

MARK = "<removed>"
"""What stands in the place of a secret."""

ANYWHERE = 6
"""Characters; a shorter secret is looked for as a word of its own, or half of every text would be one."""


def spellings(secret: str) -> set[str]:
    """The ways in which programs write a secret down: as it is, by line, and quoted."""
    lines = {line for line in secret.splitlines() if line}
    plain = {secret, secret.strip(), *lines}
    quoted = {
        way(text)
        for text in plain
        for way in (
            lambda text: json.dumps(text)[1:-1],
            lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
            lambda text: repr(text)[1:-1],
            lambda text: quote(text, safe=""),
            quote,
            quote_plus,
            html.escape,
            lambda text: text.replace("'", "''"),
            lambda text: text.replace('"', '""'),
            lambda text: text.replace("'", "'\\''"),
            lambda text: text.replace("\\", "\\\\"),
            lambda text: text.replace("%", "%%"),
            lambda text: text.replace("$", "$$"),
            lambda text: base64.b64encode(text.encode()).decode().rstrip("="),
        )
    }
    return {text for text in plain | quoted if text and text not in MARK}


class Literals:
    """Takes known secrets out of texts."""

    def __init__(self, secrets: Iterable[str]) -> None:
        every = {text for secret in secrets if secret.strip() for text in spellings(secret)}
        longest_first = sorted(every, key=lambda text: (-len(text), text))
        self._anywhere = [text for text in longest_first if len(text) >= ANYWHERE]
        short = [re.escape(text) for text in longest_first if len(text) < ANYWHERE]
        self._words = re.compile(rf"(?<!\w)(?:{'|'.join(short)})(?!\w)") if short else None

    def remove(self, text: str) -> tuple[str, int]:
        """The text without them, and how many there were."""
        removed = 0
        for secret in self._anywhere:
            if secret in text:
                removed += text.count(secret)
                text = text.replace(secret, MARK)
        if self._words:
            text, words = self._words.subn(MARK, text)
            removed += words
        return text, removed
