"""Certificates that are over: who has one is left out, and nobody else feels it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from faults.arena import Arena, NotSo
from faults.budget import Budget
from faults.fault import GENEROUS, Fault, gap
from faults.load import POOLED
from integration.operations import play

CERTIFICATE, KEY = "/etc/matriarch/tls/host.crt", "/etc/matriarch/tls/host.key"
REFUSED = "has group or world access"  # PostgreSQL's words
# Whoever serves it reads it again; a connection that is there already asks for no certificate.
REPLACE = """
cat > {path} <<'END'
{text}
END
systemctl reload patroni
pkill -f '^postgres: .*walreceiver'
"""
STREAMS = "SELECT count(*) FROM pg_stat_replication WHERE application_name = '{name}'"


class KeyForAll(Fault):
    """Everybody on a standby's host may read its private key: the next run mends that."""

    seconds = 5.0

    def __init__(self, arena: Arena, leader: str) -> None:
        super().__init__(arena, leader)
        self.before = self._mode()

    def _mode(self) -> str:
        return self.arena.run(self.standbys[0], "stat", "--format=%a %U %G", KEY)

    def inject(self) -> None:
        self.arena.run(self.standbys[0], "chmod", "0644", KEY)

    def acts(self) -> bool:
        """PostgreSQL does not take it."""
        self.arena.run(self.standbys[0], "systemctl", "reload", "patroni")
        return REFUSED in self.arena.shell(self.standbys[0], "journalctl --unit=patroni --since=-30s --output=cat")

    def heal(self) -> None:
        deployed = play(self.arena.cluster, "site")
        if not deployed.ok or self._mode() != self.before:
            raise NotSo(f"{KEY} is {self._mode()} instead of {self.before}: {deployed.tail}")

    def budget(self) -> Budget:
        allowed = GENEROUS * self.arena.bound("clean_stop")
        return Budget(gap=gap(allowed), errors={POOLED: 0}, leadership="stays")


class StandbysCertificateOver(Fault):
    """A standby's certificate is over since an hour: it follows nobody, until the next run makes it a new one."""

    seconds = 15.0

    def inject(self) -> None:
        before = self.arena.run(self.standbys[0], "cat", CERTIFICATE)
        self.arena.shell(self.standbys[0], REPLACE.format(path=CERTIFICATE, text=self._over(before)))

    def _over(self, text: str) -> str:
        """The same certificate, of yesterday."""
        authority = self.arena.cluster.secrets / "ca"
        key = load_pem_private_key((authority / "ca.key").read_bytes(), None)
        if not isinstance(key, EllipticCurvePrivateKey | RSAPrivateKey):
            raise TypeError(f"the authority's key signs no certificates: {type(key).__name__}")
        before, now = x509.load_pem_x509_certificate(text.encode()), datetime.now(UTC)
        made = x509.CertificateBuilder(
            before.issuer,
            before.subject,
            before.public_key(),
            x509.random_serial_number(),
            now - timedelta(days=1),
            now - timedelta(hours=1),
            list(before.extensions),
        )
        return made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode().strip()

    def acts(self) -> bool:
        return self.arena.sql(self.leader, STREAMS.format(name=self.standbys[0])) == "0"

    def heal(self) -> None:
        deployed = play(self.arena.cluster, "site")
        if not deployed.ok:
            raise NotSo(f"the next run failed: {deployed.tail}")

    def budget(self) -> Budget:
        return Budget(gap=gap(GENEROUS * self.arena.bound("clean_stop")), leadership="stays")
