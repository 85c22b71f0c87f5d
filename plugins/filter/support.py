# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a support bundle is made of, and the secrets that an inventory knows, which it goes without."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.support.names import is_harmless, is_secret

# Written by the collection beside its secrets, with more than a secret in a line.
PART = ("items", "missing", "archive")
PGPASS = "pgpass"
SERVICES = "pg_service.conf"


def support_secrets(
    variables: Mapping[str, Any], declared: Mapping[str, Any], folder: str, own: Iterable[str] = ()
) -> str:
    found = {*_named(variables), *_within(declared, ""), *_kept(Path(folder)), *map(str, own)}
    secrets = sorted(secret for secret in found if not is_harmless(secret.strip()))
    return base64.b64encode(json.dumps(secrets).encode()).decode()


def _named(variables: Mapping[str, Any]) -> Iterator[str]:
    """Of a host's variables those that are called a secret; one that has no value now has none to tell."""
    for name in variables:
        if is_secret(name):
            try:
                yield from _within(variables[name], name)
            except AnsibleError:
                continue


def _within(value: Any, name: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _within(each, name if is_secret(name) else str(key))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _within(each, name)
    elif is_secret(name) and value is not None and not isinstance(value, bool):
        yield str(value)


def _kept(folder: Path) -> Iterator[str]:
    """The files of a cluster's secrets. That of the certificate authority lies elsewhere, and leaves it never."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            text = path.read_text("utf-8", errors="replace")
            if path.name == PGPASS:
                yield from (line.rpartition(":")[2] for line in text.splitlines())
            elif path.name == SERVICES:
                yield from (line.partition("=")[2] for line in text.splitlines() if is_secret(line.partition("=")[0]))
            else:
                yield text.rstrip("\n")


def support_parts(
    topology: Mapping[str, Any], hostvars: Mapping[str, Mapping[str, Any]], variable: str, asked: Collection[str]
) -> dict[str, dict[str, Any] | None]:
    answers = {name: hostvars[name].get(variable) or {} for name in topology["hosts"] if name in asked}
    return {
        name: {key: answer[key] for key in PART} if answer.keys() >= set(PART) else None
        for name, answer in answers.items()
    }


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"support_parts": support_parts, "support_secrets": support_secrets}
