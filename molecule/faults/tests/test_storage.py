"""Disks that are full (faults D01 ...)."""

from __future__ import annotations

from collections.abc import Callable

from faults.nemesis.storage import WalVolumeFull
from faults.verdict import Verdict

Happens = Callable[..., Verdict]


def test_D02_volume_of_wal_full(happens: Happens) -> None:
    assert happens(WalVolumeFull).problems == []
