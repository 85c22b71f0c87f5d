"""Certificates that are over (faults I01 ...)."""

from __future__ import annotations

from collections.abc import Callable

from faults.nemesis.certificates import (
    EtcdCertificateOver,
    EtcdCertificatesOver,
    KeyForAll,
    StandbysCertificateOver,
)
from faults.verdict import Verdict

Happens = Callable[..., Verdict]


def test_I01_certificate_of_a_standby_over(happens: Happens) -> None:
    """It is left out, and the next run makes it a new one."""
    assert happens(StandbysCertificateOver).problems == []


def test_I02_certificate_of_one_etcd_over(happens: Happens) -> None:
    assert happens(EtcdCertificateOver).problems == []


def test_I02_certificates_of_every_etcd_over(happens: Happens) -> None:
    """Nobody can ask anybody any more; nothing is lost, and one run brings all of it back."""
    assert happens(EtcdCertificatesOver).problems == []


def test_I08_key_that_everybody_may_read(happens: Happens) -> None:
    assert happens(KeyForAll).problems == []
