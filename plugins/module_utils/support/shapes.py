# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a secret looks like by itself, in a single line: keys and values, URLs, SQL, verifiers, tokens."""

from __future__ import annotations

import re
from collections.abc import Callable

from ansible_collections.matriarch.pgcluster.plugins.module_utils.support.literals import MARK
from ansible_collections.matriarch.pgcluster.plugins.module_utils.support.names import (
    is_harmless,
    is_secret,
    takes_the_line,
)

WORTH_A_LOOK = re.compile(
    r"(?i)pass|pwd|(?:\b|_)pw(?:\b|_)|secret|token|key|cred|auth|cookie|psk|signature|verifier|SCRAM|md5|://|AKIA|ASIA|eyJ|\$|bearer"
    r'|^"|^[^:\s]+:(?:\d+|\*):'
)
"""Most lines of a log have nothing of this, and are passed over."""

_NAMED = re.compile(r"""(?<![\w.\-])(?P<name>[\w.\-]+)(?:\\?["'])?\]?\s{0,8}(?:=>|:=|=|:)(?!:)[ \t]*""")
_OPTION = re.compile(r"(?<![\w-])--(?P<name>[A-Za-z][\w-]{0,80})[ \t]+(?=[^\s-])")
_VALUE = re.compile(
    r"""\\"(?:(?!\\").)*(?:\\")?"""  # JSON within JSON
    r"""|"(?:\\.|""|[^"\\])*"?|'(?:''|\\.|[^'\\])*'?"""
    r"""|\[[^\]]*\]?|\{[^}]*\}?"""
    r"""|[^\s,;&)}\]"']+"""
)
# Where a line begins with the name, its value goes on to the end.
_BEGINS = re.compile(r"""^[\s#;"'-]*(?:export\s+|set\s+|Environment=["']?)?$""")

_SHAPES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"([A-Za-z][\w+.-]{0,30}://[^\s:/@'\"]*):(?!<removed>@)[^\s'\"]{1,500}@"), rf"\1:{MARK}@"),
    (re.compile(r"SCRAM-SHA-256\$\d+:[^$\s]+\$[^\s:'\"]+:[^\s'\",;)]+"), MARK),
    (re.compile(r"\bmd5[0-9a-f]{32}\b"), MARK),
    (re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"), MARK),
    (re.compile(r"\beyJ[\w-]{5,}\.[\w-]+\.[\w-]*"), MARK),
    (re.compile(r"\$(?:1|2[abxy]|5|6|7|y|gy|argon2\w{1,2})\$[^\s'\":,]+"), MARK),
    (re.compile(r"(?i)\b(bearer)\s+[\w.~+/=-]{16,}"), rf"\1 {MARK}"),
    # SQL: with quotes, or with dollars; one that a line break cuts off goes to the line's end.
    (
        re.compile(
            r"(?i)\b(password|identified\s+by|(?:\w+_)?(?:secret|secret_key|access_key|token))(\s+)"
            r"(?:E|U&)?(?:'(?:''|\\.|[^'\\])*'?|\$(\w*)\$.*?(?:\$\3\$|$)|\"[^\"]*\"?)"
        ),
        rf"\1\2'{MARK}'",
    ),
    (re.compile(r"<([\w.-]*(?:password|passphrase|secret|token)[\w.-]*)>[^<]+"), rf"<\1>{MARK}"),
    # PgBouncer's list of users; a .pgpass.
    (re.compile(r'^("(?:""|[^"])*"\s+)"(?:""|[^"])+"\s*$'), rf'\1"{MARK}"'),
    (re.compile(r"^([^:\s]+:(?:\d+|\*):[^:\s]+:[^:\s]+:)\S+$"), rf"\1{MARK}"),
    # HAProxy, keepalived and others, which write no sign between a name and its value.
    (
        re.compile(
            r"(?i)^(\s*(?:user\s+\S+\s+)?(?:insecure-password|password|auth_pass|passphrase|requirepass)\s+)\S+\s*$"
        ),
        rf"\1{MARK}",
    ),
    (re.compile(r"(?i)^(\s*stats\s+auth\s+[^:\s]+:)\S+"), rf"\1{MARK}"),
)


def remove_from_line(line: str) -> tuple[str, int]:
    """The line without what looks like a secret in it, and how many there were."""
    if not WORTH_A_LOOK.search(line):
        return line, 0
    removed = 0
    for way in (_shapes, _options, _named):
        line, found = way(line)
        removed += found
    return line, removed


def _shapes(line: str) -> tuple[str, int]:
    removed = 0
    for shape, instead in _SHAPES:
        changed = shape.sub(instead, line)
        if changed != line:
            line, removed = changed, removed + 1
    return line, removed


def _options(line: str) -> tuple[str, int]:
    return _values(line, _OPTION, _word)


def _named(line: str) -> tuple[str, int]:
    return _values(line, _NAMED, _extent)


def _values(line: str, names: re.Pattern[str], extent: Callable[[str, re.Match[str]], int]) -> tuple[str, int]:
    """Replace the values of secret names. A name that is none is passed over, and its value looked at like the rest."""
    place, removed, parts, copied = 0, 0, [], 0
    while name := names.search(line, place):
        place = name.end()
        if not is_secret(name["name"]):
            continue
        end = extent(line, name)
        value = line[place:end]
        if not is_harmless(value.strip()) and value.strip("\"'\\") != MARK:
            parts += [line[copied:place], _quoted(value)]
            copied, removed = end, removed + 1
        place = max(end, place)
    return "".join([*parts, line[copied:]]), removed


def _word(line: str, name: re.Match[str]) -> int:
    value = _VALUE.match(line, name.end())
    return value.end() if value else name.end()


def _extent(line: str, name: re.Match[str]) -> int:
    """Where the value ends: with its quotes, or with the line where the line is its own."""
    value = _VALUE.match(line, name.end())
    if value is None:
        return name.end()
    if value[0][0] in "\"'\\[{":
        return value.end()
    if takes_the_line(name["name"]) or _BEGINS.match(line[: name.start()]):
        return len(line.rstrip())
    return value.end()


def _quoted(value: str) -> str:
    """The mark within the quotes that the value had, so that a file stays one that can be read."""
    for sign in ('\\"', '"', "'"):
        if value.startswith(sign):
            return f"{sign}{MARK}{sign}"
    return MARK
