# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A text without its secrets: those that are known, and those that look like one."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.support.blocks import remove_blocks, remove_keys
from ansible_collections.matriarch.pgcluster.plugins.module_utils.support.literals import MARK, Literals
from ansible_collections.matriarch.pgcluster.plugins.module_utils.support.names import is_harmless, is_secret
from ansible_collections.matriarch.pgcluster.plugins.module_utils.support.shapes import remove_from_line


class Redactor:
    """Knows the secrets of an inventory, and what others look like. When in doubt, it takes out too much."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._literals = Literals(secrets)

    def text(self, text: str) -> tuple[str, int]:
        """A configuration, a log or the output of a program without secrets, and how many there were."""
        text, known = self._literals.remove(text)
        told = _json(text)
        if told is not None:
            told, removed = self._tree(told)
            return json.dumps(told, indent=2, ensure_ascii=False) + "\n", known + removed
        text, removed = _lines(text)
        return text, known + removed

    def _tree(self, value: Any, name: str = "") -> tuple[Any, int]:
        """The same for what JSON says: everything below a secret's name is taken out, numbers, too."""
        if isinstance(value, dict):
            parts = {
                key: self._tree(each, name if is_secret(name) else _called(value, key)) for key, each in value.items()
            }
            return {key: part for key, (part, _found) in parts.items()}, sum(found for _part, found in parts.values())
        if isinstance(value, list):
            items = [self._tree(each, name) for each in value]
            return [item for item, _found in items], sum(found for _part, found in items)
        if is_secret(name) and value is not None and not is_harmless(str(value)) and value != MARK:
            return MARK, 1
        if isinstance(value, str):
            return _lines(value)
        return value, 0


def _called(pair: dict[str, Any], key: str) -> str:
    """What a value is called: by its key, or beside it, as in {"name": "password", "value": "..."}."""
    beside = pair.get("name", pair.get("key")) if key in ("value", "setting") else None
    return beside if isinstance(beside, str) else str(key)


def _json(text: str) -> Any:
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        told = json.loads(text)
    except ValueError:
        return None
    return told if isinstance(told, dict | list) else None


def _lines(text: str) -> tuple[str, int]:
    lines, keys = remove_keys(text.split("\n"))
    lines, blocks = remove_blocks(lines)
    each = [remove_from_line(line) for line in lines]
    return "\n".join(line for line, _found in each), keys + blocks + sum(found for _part, found in each)
