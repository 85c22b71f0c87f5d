"""Certificates that are over, or of an authority that is replaced: whoever has a bad one is left out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from faults.arena import Arena, NotSo
from faults.budget import Budget
from faults.fault import Fault, gap
from faults.load import DIRECT, POOLED, RO, RW
from faults.nemesis.network import END_WALRECEIVER
from faults.wholeness import ETCDCTL
from integration.operations import Outcome, play

CERTIFICATE, KEY = "/etc/matriarch/tls/host.crt", "/etc/matriarch/tls/host.key"
REFUSED = "has group or world access"  # PostgreSQL's words
# Whoever serves it reads it again; a connection that is there already asks for no certificate.
READ_AGAIN = f"systemctl reload patroni; {END_WALRECEIVER}"
STREAMS = "SELECT count(*) FROM pg_stat_replication WHERE application_name = '{name}'"


def end_certificate(arena: Arena, name: str) -> None:
    """A host has the same certificate as before, but of yesterday."""
    key = load_pem_private_key((arena.cluster.secrets / "ca" / "ca.key").read_bytes(), None)
    if not isinstance(key, EllipticCurvePrivateKey | RSAPrivateKey):
        raise TypeError(f"the authority's key signs no certificates: {type(key).__name__}")
    before, now = x509.load_pem_x509_certificate(arena.run(name, "cat", CERTIFICATE).encode()), datetime.now(UTC)
    made = x509.CertificateBuilder(
        before.issuer,
        before.subject,
        before.public_key(),
        x509.random_serial_number(),
        now - timedelta(days=1),
        now - timedelta(hours=1),
        list(before.extensions),
    )
    text = made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode().strip()
    arena.shell(name, f"cat > {CERTIFICATE} <<'END'\n{text}\nEND")


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
        promised = self.arena.bound("clean_stop")
        return Budget(gap=gap(promised), errors={POOLED: 0}, leadership="stays")


class AuthorityReplaced(Fault):
    """All certificates, and who signs them, are replaced while everybody works."""

    seconds = 1.0
    steps = ("trust", "issue", "forget")

    def __init__(self, arena: Arena, leader: str) -> None:
        super().__init__(arena, leader)
        self.before = arena.cluster.ca.read_text()
        self.outcomes: list[Outcome] = []

    def inject(self) -> None:
        for step in self.steps:
            self.outcomes.append(play(self.arena.cluster, "renew_authority", step=step))

    def acts(self) -> bool:
        return self.arena.cluster.ca.read_text() != self.before

    def heal(self) -> None:
        """There is nothing to undo."""

    def budget(self) -> Budget:
        promised = self.arena.bound("clean_stop")
        return Budget(gap=gap(promised), errors={POOLED: 0, RW: 0, DIRECT: 0}, leadership="stays")

    def complaints(self) -> Iterator[str]:
        yield from (outcome.tail for outcome in self.outcomes if not outcome.ok)

    def told(self) -> str:
        return f"{sum(outcome.ok for outcome in self.outcomes)} of {len(self.steps)} steps were taken"


class StandbysCertificateOver(Fault):
    """A standby's certificate is over since an hour: it follows nobody, until the next run makes it a new one."""

    seconds = 15.0

    def inject(self) -> None:
        end_certificate(self.arena, self.standbys[0])
        self.arena.shell(self.standbys[0], READ_AGAIN)

    def acts(self) -> bool:
        return self.arena.sql(self.leader, STREAMS.format(name=self.standbys[0])) == "0"

    def holds(self) -> bool:
        """It has come again meanwhile, and was sent away."""
        return self.acts()

    def heal(self) -> None:
        deployed = play(self.arena.cluster, "site")
        if not deployed.ok:
            raise NotSo(f"the next run failed: {deployed.tail}")

    def budget(self) -> Budget:
        """A reader at that host's pooler may wait for a session which the pooler, with this certificate, cannot get."""
        promised = self.arena.bound("clean_stop")
        waits = self.arena.timing().pgbouncer_query_wait_timeout
        return Budget(gap=gap(promised) | gap(promised, RO, besides=waits), leadership="stays")


class EtcdCertificateOver(Fault):
    """The certificate of one etcd is over when it starts again: it takes part in nothing, until the next run."""

    seconds = 20.0

    def inject(self) -> None:
        for name in self._whose():
            end_certificate(self.arena, name)
        for name in self._whose():
            self.arena.run(name, "systemctl", "restart", "--no-block", "etcd")

    def _whose(self) -> list[str]:
        return self.standbys[:1]

    def acts(self) -> bool:
        """What it serves is refused, and so is its own certificate."""
        return all(self.arena.shell(name, f"{ETCDCTL} endpoint health >&2 || echo ill") for name in self._whose())

    def holds(self) -> bool:
        """It was not just on its way."""
        return self.acts()

    def heal(self) -> None:
        deployed = play(self.arena.cluster, "site")
        if not deployed.ok:
            raise NotSo(f"the next run failed: {deployed.tail}")
        for name in self.arena.names:
            self.arena.shell(name, f"{ETCDCTL} endpoint health")

    def budget(self) -> Budget:
        promised = self.arena.bound("postgresql_crash")
        # The host's pooler opens no new session to PostgreSQL with it either: who wants one, as a reader may, waits for
        # as long as the pooler has patience.
        return Budget(gap=gap(promised, POOLED, RW, DIRECT), errors={POOLED: 0}, leadership="stays")


class EtcdCertificatesOver(EtcdCertificateOver):
    """Those of all of them: nobody leads until the next run, as failsafe mode asks by the same certificates."""

    run_seconds = 0.0

    def _whose(self) -> list[str]:
        return self.arena.names

    def heal(self) -> None:
        began = time.monotonic()
        super().heal()
        self.run_seconds = time.monotonic() - began

    def budget(self) -> Budget:
        return Budget(gap=gap(self.arena.bound("host_lost"), besides=self.seconds + self.run_seconds))

    def told(self) -> str:
        return f"the run that mended it took {self.run_seconds:.0f} s"
