# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Package repositories as files that apt reads, in the format of sources.list(5) called deb822.

ansible.builtin.deb822_repository, whose options these are, needs a Python package that bare hosts lack: it would cost
an apt transaction of its own, and check mode, which cannot install it, would fail.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleFilterError

FIELDS = frozenset(
    {"allow_downgrade_to_insecure", "allow_insecure", "allow_weak", "architectures", "by_hash", "check_date"}
    | {"check_valid_until", "components", "date_max_future", "enabled", "exclude", "include", "inrelease_path"}
    | {"languages", "pdiffs", "signed_by", "suites", "targets", "trusted", "types", "uris"}
)


def apt_sources(repositories: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """A file (path and content) for each repository."""
    return [{"path": _path(repository), "content": _stanza(repository)} for repository in repositories]


def _path(repository: Mapping[str, Any]) -> str:
    name = repository.get("name")
    if not name:
        raise AnsibleFilterError(f"a package repository without a name: {dict(repository)}")
    return f"/etc/apt/sources.list.d/{re.sub(r'[^a-z0-9]+', '-', str(name).lower()).strip('-')}.sources"


def _stanza(repository: Mapping[str, Any]) -> str:
    fields = {"types": "deb", **{field: value for field, value in repository.items() if field != "name"}}
    if unknown := sorted(set(fields) - FIELDS):
        known = ", ".join(sorted(FIELDS))
        raise AnsibleFilterError(f"repository {repository['name']}: unknown {', '.join(unknown)}; known are {known}")
    if "://" in str(fields.get("signed_by", "")).partition("\n")[0]:
        raise AnsibleFilterError(
            f"repository {repository['name']}: signed_by is an address; give the key itself, or its path on the hosts, "
            "so that it is pinned"
        )
    return "".join(f"{_name(field)}: {_value(value)}\n" for field, value in fields.items())


def _name(field: str) -> str:
    return "URIs" if field == "uris" else field.replace("_", "-").title()


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return " ".join(map(str, value))
    first, *more = str(value).strip().splitlines() or [""]
    # A value of several lines, such as a key, begins on the next line; an empty one of them is a dot.
    return "\n " + "\n ".join(line.strip() or "." for line in (first, *more)) if more else first


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"apt_sources": apt_sources}
