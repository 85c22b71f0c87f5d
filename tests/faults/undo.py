"""Taking faults out again: whatever has failed before, and all of them, whichever of them fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress

import psycopg
from integration.operations import WHOLE_SECONDS
from lab import LabError

from faults.arena import NotSo

Undo = Callable[[], None]


def insist(undo: Undo) -> None:
    """Again and again, for some time: who has to take part may not be back yet."""
    deadline = time.monotonic() + WHOLE_SECONDS
    while True:
        try:
            return undo()
        except (RuntimeError, NotSo, LabError, psycopg.Error, ValueError):
            if time.monotonic() > deadline:
                raise
            time.sleep(1)


def once(undo: Undo) -> None:
    """It shall be enough, and what it raises is raised; for the sake of who comes next it is tried again first."""
    try:
        undo()
    except Exception:
        with suppress(Exception):
            insist(undo)
        raise


def every(undoes: Iterable[Undo]) -> None:
    """All of them, each with insistence; what they raised comes at the end."""
    errors: list[Exception] = []
    for undo in undoes:
        try:
            insist(undo)
        except Exception as error:
            errors.append(error)
    if errors:
        raise ExceptionGroup("what could not be undone", errors)
