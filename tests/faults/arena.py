"""The cluster that faults happen to, reached by ways that no fault can cut."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.timing import Timing, timing
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.timing import bounds
from integration.inventory import Cluster
from integration.operations import ask_patroni
from integration.watch import Connect
from lab import Lab

PRESET = "fast"
DATA = "/var/lib/postgresql/*/main"


class NotSo(AssertionError):
    """Something that has to come true did not, in its time."""


@dataclass(frozen=True)
class Arena:
    lab: Lab
    cluster: Cluster
    connect: Connect
    database: str

    @property
    def names(self) -> list[str]:
        return [machine.name for machine in self.cluster.postgres]

    def others(self, name: str) -> list[str]:
        return [other for other in self.names if other != name]

    def run(self, name: str, *command: str) -> str:
        """Inside a host, without its network. Raises RuntimeError with what the command said."""
        done = self.lab.execute(name, *command)
        if done.returncode:
            raise RuntimeError(f"{name}: {' '.join(command)}: exit {done.returncode}: {done.stderr or done.stdout}")
        return done.stdout.strip()

    def shell(self, name: str, script: str) -> str:
        return self.run(name, "sh", "-ec", script)

    def sql(self, name: str, query: str, database: str = "postgres") -> str:
        """As the superuser, by the socket."""
        return self.run(name, "psql", "-U", "postgres", "-d", database, "-XAtqc", query)

    def until_sql(self, name: str, query: str, answer: str, seconds: float = 60) -> None:
        until(f"{name}: {query}: {answer!r}", seconds, lambda: self.sql(name, query) == answer)

    def configure(self, **settings: object) -> None:
        """Patroni's dynamic configuration; None removes a setting."""
        words = [f"-s{key.replace('__', '.')}={'null' if value is None else value}" for key, value in settings.items()]
        self.run(self.names[0], "patronictl", "-c", "/etc/patroni/config.yml", "edit-config", "--force", *words)

    def configuration(self) -> dict[str, object]:
        return next(filter(None, (ask_patroni(self.cluster, machine, "config") for machine in self.cluster.postgres)))

    def bound(self, fault: str) -> float:
        """The worst case, in seconds, that the cluster's timeouts promise after a fault."""
        return next(bound.seconds for bound in bounds(self.timing()) if bound.fault == fault)

    def timing(self) -> Timing:
        settings = timing(PRESET)
        if self.configuration()["ttl"] != settings.ttl:
            raise RuntimeError(f"the cluster does not have the timeouts of {PRESET}: {self.configuration()}")
        return settings


def until(what: str, seconds: float, probe: Callable[[], object]) -> None:
    """Raises NotSo when it did not come true in time; what the probe raises is not caught."""
    deadline = time.monotonic() + seconds
    while not probe():
        if time.monotonic() > deadline:
            raise NotSo(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.1)
