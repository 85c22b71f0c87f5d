"""What the repository holds, as the members tell it, and as its storage can be made to hold something else."""

from __future__ import annotations

import json
import re
import urllib.request
from typing import Any

from integration.inventory import Cluster, Machine
from integration.operations import adhoc, members

FILER_PORT = 18888
BUCKET = "backups"
FOLDER_OF_SEGMENTS = re.compile("[0-9A-F]{16}")


def leading(cluster: Cluster) -> Machine:
    """Who leads in Patroni's eyes, also while another host is off; any member while nobody does."""
    names = [member["name"] for member in members(cluster) if member["role"] == "leader"]
    return next((m for m in cluster.postgres if m.name in names), cluster.postgres[0])


def told(cluster: Cluster) -> dict[str, Any]:
    """What backup_info answers on the leader's host; nothing where it fails, and then pytest shows why."""
    answer = adhoc(cluster, leading(cluster), "backup_info", {"settings": "/etc/matriarch/backup/settings.json"})
    if "backups" not in answer:
        print(answer.get("msg"))
    return {"backups": [], "repositories": [], "rpo_seconds": None, **answer}


def gaps(answer: dict[str, Any]) -> list[str]:
    """WAL that is missing after the newest backup."""
    return [name for each in answer["repositories"] for name in each["missing_wal"]]


class Storage:
    """The storage's inside: its file server, which asks nobody who he is."""

    def __init__(self, address: str) -> None:
        self._root = f"http://{address}:{FILER_PORT}/buckets/{BUCKET}"

    def names(self, folder: str) -> list[str]:
        """The files and folders of a folder."""
        request = urllib.request.Request(f"{self._root}/{folder}/?limit=10000", headers={"Accept": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            entries = json.load(answer)["Entries"] or []
        return [str(entry["FullPath"]).rpartition("/")[2] for entry in entries]

    def any_segment(self, archive: str) -> str:
        """The path of the oldest segment of WAL below the archive's folder."""
        return min(self.segments(archive))

    def segments(self, archive: str) -> set[str]:
        """The paths of all segments of WAL below the archive's folder."""
        folders = [f"{archive}/{name}" for name in self.names(archive) if FOLDER_OF_SEGMENTS.fullmatch(name)]
        return {f"{folder}/{name}" for folder in folders for name in self.names(folder) if name.endswith(".gz")}

    def read(self, path: str) -> bytes:
        with urllib.request.urlopen(f"{self._root}/{path}", timeout=10) as answer:
            content: bytes = answer.read()
        return content

    def write(self, path: str, content: bytes) -> None:
        request = urllib.request.Request(f"{self._root}/{path}", data=content, method="PUT")
        request.add_header("Content-Type", "application/octet-stream")
        urllib.request.urlopen(request, timeout=10).close()

    def put_aside(self, path: str) -> str:
        """Move an object to where no cluster looks for it, with all that the server knows of it; where to."""
        aside = f"aside/{path}"
        self._move(path, aside)
        return aside

    def bring_back(self, aside: str) -> None:
        path = aside.removeprefix("aside/")
        self.delete(path)
        self._move(aside, path)

    def _move(self, path: str, to: str) -> None:
        source = f"/buckets/{BUCKET}/{path}"
        request = urllib.request.Request(f"{self._root}/{to}?mv.from={source}", method="POST")
        urllib.request.urlopen(request, timeout=10).close()

    def delete(self, path: str) -> None:
        urllib.request.urlopen(urllib.request.Request(f"{self._root}/{path}", method="DELETE"), timeout=10).close()
