# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A set of files, directories and links: what shall be, what is, and what has to change. No I/O here."""

from __future__ import annotations

import os.path
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePath

DEFAULT_MODE = {"file": 0o644, "directory": 0o755}
SECRET_MODE = 0o600
SECRET = "(secret content)"


@dataclass(frozen=True)
class Entry:
    """One path as it shall be: `kind` is file, directory, link or absent. Owner, group or mode None is left alone."""

    kind: str
    path: str
    content: bytes = b""
    target: str = ""
    owner: str | None = None
    group: str | None = None
    mode: int | None = None
    validate: str | None = None
    secret: bool = False


@dataclass(frozen=True)
class Found:
    """One path as it is. `kind` is nothing, file, directory, link or other; `parent`: its directory exists."""

    kind: str = "nothing"
    content: bytes = b""
    target: str = ""
    uid: int | None = None
    gid: int | None = None
    mode: int | None = None
    empty: bool = True
    parent: bool = True


@dataclass(frozen=True)
class Accounts:
    """Names and numbers of users and groups; each function answers None for one that does not exist."""

    uid: Callable[[str], int | None]
    gid: Callable[[str], int | None]
    user: Callable[[int], str | None]
    group: Callable[[int], str | None]


@dataclass(frozen=True)
class Attributes:
    """Owner, group and mode of a file or directory; None leaves what the system gives or what is there."""

    uid: int | None = None
    gid: int | None = None
    mode: int | None = None


@dataclass(frozen=True)
class Change:
    """One path that is not yet as it shall be. `replaces`: kind, content or target differ, not only the attributes."""

    entry: Entry
    before: Found
    replaces: bool
    attributes: Attributes


@dataclass(frozen=True)
class Plan:
    """The changes in the order of the wish, and every reason why they cannot be made."""

    changes: tuple[Change, ...]
    refusals: tuple[str, ...]


def parse_mode(text: str) -> int:
    """The number of an octal mode such as "0644".

    :raises ValueError: for anything else; also for "420", which is what YAML makes of an unquoted 0644.
    """
    if not re.fullmatch(r"[0-7]{4}", text):
        raise ValueError(f'mode {text!r} is not four octal digits in quotes, such as "0644"')
    return int(text, 8)


def objections(wish: Iterable[Entry]) -> list[str]:
    """What is wrong with the wish itself, whatever the host looks like."""
    found, seen = [], set()
    for entry in wish:
        if not PurePath(entry.path).is_absolute() or os.path.normpath(entry.path) != entry.path or "\0" in entry.path:
            found.append(f"{entry.path!r} is not a plain absolute path")
        if entry.path in seen:
            found.append(f"{entry.path} is asked for more than once")
        if entry.validate is not None and "%s" not in entry.validate:
            found.append(f"{entry.path}: validate {entry.validate!r} has no %s, where the name of the new file goes")
        seen.add(entry.path)
    return found


def plan(wish: Iterable[Entry], found: Mapping[str, Found], accounts: Accounts, *, forgiving: bool) -> Plan:
    """What has to change. Forgiving (check mode): users, groups and directories that are not there yet will come."""
    wish = list(wish)
    made = {entry.path for entry in wish if entry.kind == "directory"}
    changes: list[Change] = []
    refusals: list[str] = []
    for entry in wish:
        before = found[entry.path]
        refusals += _obstacles(entry, before, made)
        if not forgiving:
            refusals += _missing(entry, before, accounts, made)
        replaces = _replaces(entry, before)
        if replaces or _attributes_differ(entry, before, accounts):
            changes.append(Change(entry, before, replaces, _attributes(entry, before, accounts)))
    return Plan(tuple(changes), tuple(refusals))


def _obstacles(entry: Entry, before: Found, made: set[str]) -> list[str]:
    """What is in the way: a thing that this set never removes."""
    if before.kind == "other":
        return [f"{entry.path} is a device, socket or pipe, which is never replaced"]
    if before.kind == "directory" and entry.kind in ("file", "link"):
        return [f"{entry.path} is a directory and shall be a {entry.kind}: move it away first"]
    if before.kind == "directory" and entry.kind == "absent" and not before.empty:
        return [f"{entry.path} is a directory with content, which is never removed: move it away first"]
    if entry.kind == "directory" and before.kind in ("file", "link"):
        return [f"{entry.path} is a {before.kind} and shall be a directory: move it away first"]
    return []


def _missing(entry: Entry, before: Found, accounts: Accounts, made: set[str]) -> list[str]:
    """What must exist beforehand: the owner, the group, the directory of a file or link."""
    missing = []
    if entry.owner is not None and accounts.uid(entry.owner) is None:
        missing.append(f"{entry.path}: the user {entry.owner} does not exist: install its package first")
    if entry.group is not None and accounts.gid(entry.group) is None:
        missing.append(f"{entry.path}: the group {entry.group} does not exist: install its package first")
    if entry.kind in ("file", "link") and not before.parent and str(PurePath(entry.path).parent) not in made:
        missing.append(f"{entry.path}: its directory does not exist: name it under directories")
    return missing


def _replaces(entry: Entry, before: Found) -> bool:
    if entry.kind == "absent":
        return before.kind != "nothing"
    if before.kind != entry.kind:
        return True
    if entry.kind == "file":
        return before.content != entry.content
    return entry.kind == "link" and before.target != entry.target


def _attributes_differ(entry: Entry, before: Found, accounts: Accounts) -> bool:
    """True also for an owner or group that does not exist yet: it will be set once it does."""
    if entry.kind not in DEFAULT_MODE:
        return False
    return (
        (entry.owner is not None and accounts.uid(entry.owner) != before.uid)
        or (entry.group is not None and accounts.gid(entry.group) != before.gid)
        or (entry.mode is not None and entry.mode != before.mode)
    )


def _attributes(entry: Entry, before: Found, accounts: Accounts) -> Attributes:
    """The result's attributes: as wished; else as they are; else what a new file of this kind gets."""
    if entry.kind not in DEFAULT_MODE:
        return Attributes()
    kept = before if before.kind == entry.kind else Found()
    default = SECRET_MODE if entry.secret else DEFAULT_MODE[entry.kind]
    return Attributes(
        uid=kept.uid if entry.owner is None else accounts.uid(entry.owner),
        gid=kept.gid if entry.group is None else accounts.gid(entry.group),
        mode=entry.mode if entry.mode is not None else default if kept.mode is None else kept.mode,
    )


def diff(changes: Iterable[Change], accounts: Accounts) -> list[dict[str, str]]:
    """The changes as Ansible prints them, one part a path, in order; owner and mode stand in the headers."""
    return [_part(change, accounts) for change in changes]


def _part(change: Change, accounts: Accounts) -> dict[str, str]:
    old, new = _old_attributes(change, accounts), _new_attributes(change, accounts)
    before, after = _texts(change) if change.replaces else (f"{old}\n", f"{new}\n")
    path = change.entry.path
    return {
        "before_header": f"{path} {old}".rstrip(),
        "after_header": f"{path} {new}".rstrip(),
        "before": before,
        "after": after,
    }


def _texts(change: Change) -> tuple[str, str]:
    """Before and after. What a removed file, or one that a link replaces, held is not shown: it may be a secret."""
    entry, before = change.entry, change.before
    if entry.kind == "file" and entry.secret:
        return (f"{SECRET}\n" if before.kind == "file" else _name(before)), f"{SECRET} of this run\n"
    if entry.kind == "file":
        old = before.content.decode(errors="replace") if before.kind == "file" else _name(before)
        return old, entry.content.decode(errors="replace")
    return _name(before), _name(Found("nothing" if entry.kind == "absent" else entry.kind, target=entry.target))


def _name(thing: Found) -> str:
    if thing.kind == "nothing":
        return ""
    return f"(link to {thing.target})\n" if thing.kind == "link" else f"({thing.kind})\n"


def _old_attributes(change: Change, accounts: Accounts) -> str:
    before = change.before
    if before.kind not in DEFAULT_MODE:
        return ""
    return _attribute_text(_label(before.uid, accounts.user), _label(before.gid, accounts.group), before.mode)


def _new_attributes(change: Change, accounts: Accounts) -> str:
    entry, after = change.entry, change.attributes
    if entry.kind not in DEFAULT_MODE:
        return ""
    owner = entry.owner or _label(after.uid, accounts.user)
    return _attribute_text(owner, entry.group or _label(after.gid, accounts.group), after.mode)


def _label(number: int | None, name: Callable[[int], str | None]) -> str:
    return "-" if number is None else name(number) or str(number)


def _attribute_text(owner: str, group: str, mode: int | None) -> str:
    return f"{owner}:{group} {mode:04o}" if mode is not None else f"{owner}:{group}"
