"""Certificates that are over (faults I01 ...)."""

from __future__ import annotations

from collections.abc import Callable

from faults.nemesis.certificates import KeyForAll, StandbysCertificateOver
from faults.verdict import Verdict

Happens = Callable[..., Verdict]


def test_I01_certificate_of_a_standby_over(happens: Happens) -> None:
    """It is left out, and the next run makes it a new one."""
    assert happens(StandbysCertificateOver).problems == []


def test_I08_key_that_everybody_may_read(happens: Happens) -> None:
    assert happens(KeyForAll).problems == []
