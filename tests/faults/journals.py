"""What the hosts said while a fault happened, kept to explain a verdict after the hosts are gone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from lab import LabError

from faults.arena import Arena
from faults.report import FOLDER

JOURNALS = FOLDER / "journals"


@contextmanager
def kept(arena: Arena, name: str) -> Iterator[None]:
    """In a folder of its own, a file for each host with all that was logged there meanwhile."""
    began = time.time()
    try:
        yield
    finally:
        folder = JOURNALS / time.strftime(f"%Y-%m-%dT%H:%M:%SZ-{name}", time.gmtime(began))
        since = f"--since=@{began:.0f}"
        folder.mkdir(parents=True, exist_ok=True)
        for host in arena.names:
            (folder / f"{host}.log").write_text(said(arena, host, since))


def said(arena: Arena, host: str, since: str) -> str:
    """What it logged, or why nobody can tell: a trial's own error shall not be lost for a host that is off."""
    try:
        told = arena.lab.execute(host, "journalctl", since, "--output=short-precise", "--no-pager")
    except LabError as error:
        return str(error)
    return told.stdout or told.stderr
