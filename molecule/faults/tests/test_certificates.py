"""Certificates that are over, or of an authority that is replaced (faults I01 ...)."""

from __future__ import annotations

from collections.abc import Callable

from faults.arena import Arena
from faults.nemesis.certificates import (
    AuthorityReplaced,
    EtcdCertificateOver,
    EtcdCertificatesOver,
    KeyForAll,
    StandbysCertificateOver,
)
from faults.verdict import Verdict
from integration.inventory import Cluster
from integration.operations import play

Happens = Callable[..., Verdict]


def test_I01_certificate_of_a_standby_over(happens: Happens) -> None:
    """It is left out, and the next run makes it a new one."""
    assert happens(StandbysCertificateOver).problems == []


def test_I02_certificate_of_one_etcd_over(happens: Happens) -> None:
    assert happens(EtcdCertificateOver).problems == []


def test_I02_certificates_of_every_etcd_over(happens: Happens) -> None:
    """Nobody can ask anybody any more; nothing is lost, and one run brings all of it back."""
    assert happens(EtcdCertificatesOver).problems == []


def test_I03_authority_replaced(happens: Happens, arena: Arena, cluster: Cluster) -> None:
    assert happens(AuthorityReplaced).problems == []
    trusted = cluster.ca.read_text()
    assert trusted.count("BEGIN CERTIFICATE") == 1, "only the new one is trusted"
    assert sorted(path.name for path in cluster.ca.parent.iterdir()) == ["ca.crt", "ca.key"]
    for name in arena.names:
        assert arena.run(name, "cat", "/etc/matriarch/tls/ca.crt").strip() == trusted.strip()
        told = arena.shell(name, "cd /etc/matriarch/tls && openssl verify -CAfile ca.crt host.crt")
        assert told.endswith("OK")
    again = play(cluster, "site")
    assert again.ok, again.tail
    assert not again.changed, again.changes


def test_I03_a_step_that_is_not_due_is_refused(cluster: Cluster) -> None:
    for step in ("issue", "forget", "", "all"):
        refused = play(cluster, "renew_authority", step=step)
        assert not refused.ok
        assert "the step that is due is -e step=trust" in refused.said
        assert not refused.changed, refused.changes
    begun = cluster.ca.parent / "next.key"  # by a run that ended before anybody trusted it
    begun.touch()
    try:
        refused = play(cluster, "renew_authority", step="issue")
        assert not refused.ok
        assert "the step that is due is -e step=trust" in refused.said
    finally:
        begun.unlink()
    checked = play(cluster, "renew_authority", step="trust", check=True)
    assert checked.ok, checked.tail
    assert not checked.changed, checked.changes


def test_I08_key_that_everybody_may_read(happens: Happens) -> None:
    assert happens(KeyForAll).problems == []
