# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bundle of a whole cluster: what every host gave, the cluster's state, and an index that says what is missing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.support.gather import pack, unpack
from ansible_collections.matriarch.pgcluster.plugins.module_utils.support.literals import Literals
from ansible_collections.matriarch.pgcluster.plugins.module_utils.support.redact import Redactor

WARNING = (
    "Secrets were taken out where they could be known or looked like one. Logs also have what applications sent:\n"
    "statements and values of their own. Look before you give this to others.\n"
)


@dataclass(frozen=True)
class Cluster:
    """`hosts` has what each gave, None where it did not answer; `status` is the cluster's; `moment` in UTC."""

    name: str
    moment: str
    since: str
    version: str
    status: Mapping[str, Any]
    hosts: Mapping[str, Mapping[str, Any] | None]


def contents(cluster: Cluster, secrets: list[str]) -> dict[str, str]:
    """All files by name. The hosts have redacted theirs; known secrets are looked for once more, over everything."""
    redactor = Redactor(secrets)
    made_here = {
        "INDEX.md": index(cluster),
        "index.json": json.dumps(facts(cluster), indent=2) + "\n",
        "status.json": json.dumps(cluster.status),
    }
    files = {name: redactor.text(text)[0] for name, text in made_here.items()}
    for host, given in cluster.hosts.items():
        if given:
            files |= {f"hosts/{host}/{name}": text for name, text in unpack(given["archive"]).items()}
    literals = Literals(secrets)
    return {name: literals.remove(text)[0] for name, text in files.items()}


def packed(cluster: Cluster, secrets: list[str], moment: float) -> bytes:
    """The archive; everything in it lies in one folder."""
    folder = folder_name(cluster)
    return pack({f"{folder}/{name}": text for name, text in contents(cluster, secrets).items()}, moment)


def folder_name(cluster: Cluster) -> str:
    """Whose it is, and of when."""
    return f"{cluster.name}-support-{''.join(sign for sign in cluster.moment if sign.isalnum())}"


def facts(cluster: Cluster) -> dict[str, Any]:
    """The index for programs."""
    return {
        "cluster": cluster.name,
        "made_at": cluster.moment,
        "collection_version": cluster.version,
        "journal_since": cluster.since,
        "verdict": cluster.status.get("verdict"),
        "hosts": {
            host: {"items": given["items"], "missing": given["missing"]} if given else None
            for host, given in cluster.hosts.items()
        },
        "silent_hosts": silent(cluster),
    }


def silent(cluster: Cluster) -> list[str]:
    """Of whom there is nothing."""
    return [host for host, given in cluster.hosts.items() if given is None]


def removed(cluster: Cluster) -> int:
    """How many secrets the hosts took out."""
    return sum(item["removed"] for given in cluster.hosts.values() if given for item in given["items"])


def told(cluster: Cluster, path: str, size: int) -> list[str]:
    """What was written, for who asked for it; `size` in bytes."""
    return [
        f"{path}: {size} bytes, {removed(cluster)} secrets taken out. Look before you give it to others.",
        *(f"{host} did not answer: there is nothing of it in there" for host in silent(cluster)),
    ]


def foreseen(cluster: Cluster, path: str) -> list[str]:
    """What would be written."""
    return [
        f"Would write {path}, with",
        *(f"{host}: {item['name']}" for host, given in cluster.hosts.items() if given for item in given["items"]),
        *(
            f"{host}: not {each['name']}: {each['why']}"
            for host, given in cluster.hosts.items()
            if given
            for each in given["missing"]
        ),
        *(f"{host} does not answer: nothing of it" for host in silent(cluster)),
    ]


def index(cluster: Cluster) -> str:
    """The index for people."""
    lines = [
        f"# {cluster.name}, {cluster.moment}",
        "",
        WARNING,
        f"- verdict: {cluster.status.get('verdict')} (status.json)",
        *(f"- {each['subject']}: {each['problem']}" for each in cluster.status.get("reasons", [])),
        f"- journals since: {cluster.since}",
        f"- matriarch.pgcluster {cluster.version}",
        *(f"- **{host} did not answer: there is nothing of it here**" for host in silent(cluster)),
    ]
    for host, given in cluster.hosts.items():
        if given:
            lines += ["", f"## {host}", "", *_host(given)]
    return "\n".join(lines) + "\n"


def _host(given: Mapping[str, Any]) -> list[str]:
    rows = [
        f"| {item['name']} | {item['bytes']} | {item['removed'] or ''} | {item['dropped'] or ''} |"
        for item in given["items"]
    ]
    missing = [f"- {each['name']}: {each['why']}" for each in given["missing"]]
    head = ["| file | bytes | secrets removed | older bytes left out |", "|--|--|--|--|"]
    return [*head, *rows, *(["", "Could not be had:", "", *missing] if missing else [])]
