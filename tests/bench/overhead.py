"""What synchronous replication and the proxies cost: `make bench-overhead`.

It boots three hosts, deploys site.yml, and has pgbench of one standby's host go to the leader in turn: straight, with
commits that wait for nobody; straight, with commits as the cluster has them; through the HAProxy of the third host; and
through that host's PgBouncer and HAProxy. All ways use TLS. Rounds are interleaved, and ratios taken round by round.

All hosts share this machine's cores with pgbench, so that a proxy takes its time from PostgreSQL's: the rates show more
than a proxy with cores of its own costs. The CPU time of each service for one transaction, and what one client alone
waits longer, do not depend on that. It asserts nothing: another machine has others.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import lab_hosts
from measured_run import leave, run_playbook
from throughput import Cell, Sample, sample, table

HOSTS = 3
DATABASE = ROLE = "matriarch_bench"
# In the folder that all hosts share; the password is made there, and is in nobody's list of processes.
PASSWORDS = f"/srv/shared/{DATABASE}.pgpass"
FORGET = (
    f"SET client_min_messages = warning; DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE); DROP ROLE IF EXISTS {ROLE}"
)
READS, RANGES, WRITES = "select-only", "ranges", "tpcb-like"
# Statements that are some work for PostgreSQL, as most of an application's are; pgbench brings the other two loads.
SCRIPT = f"/srv/shared/{RANGES}.sql"
RANGE = """\
\\set first random(1, 90000 * :scale)
SELECT sum(abalance) FROM pgbench_accounts WHERE aid BETWEEN :first AND :first + 10000;
"""
LOCAL, STRAIGHT, HAPROXY, POOLED = "straight, local commit", "straight", "HAProxy", "PgBouncer and HAProxy"
WAYS = {
    READS: (STRAIGHT, HAPROXY, POOLED),
    RANGES: (STRAIGHT, HAPROXY, POOLED),
    WRITES: (LOCAL, STRAIGHT, HAPROXY, POOLED),
}
PARAMETERS = {"shared_buffers": "512MB"}


@dataclass(frozen=True)
class Places:
    """Who leads, where pgbench runs, and whose proxies it uses."""

    leader: str
    client: str
    proxy: str
    addresses: dict[str, str]

    @property
    def services(self) -> dict[str, tuple[str, str]]:
        return {
            "haproxy": (self.proxy, "haproxy"),
            "pgbouncer": (self.proxy, "pgbouncer@rw"),
            "postgresql": (self.leader, "patroni"),
        }

    def connection(self, way: str) -> str:
        to, port = {POOLED: (self.proxy, 6432), HAPROXY: (self.proxy, 5000)}.get(way, (self.leader, 5432))
        commit = " options='-c synchronous_commit=local'" if way == LOCAL else ""
        return f"host={self.addresses[to]} port={port} user={ROLE} dbname={DATABASE} sslmode=require{commit}"


@contextmanager
def cluster(deployed: bool) -> Iterator[None]:
    """The cluster that the lab's hosts are already, or a new one that is gone afterwards."""
    if deployed:
        yield
        return
    with tempfile.TemporaryDirectory() as folder:
        variables = Path(folder) / "group_vars" / "all.json"
        variables.parent.mkdir()
        variables.write_text(json.dumps({"pgcluster_postgresql_parameters": PARAMETERS}), encoding="utf-8")
        try:
            lab_hosts.boot_bare(HOSTS, "cached")
            hosts = lab_hosts.write_inventory(HOSTS, Path(folder))
            print(f"deployed in {run_playbook(hosts).seconds:.0f} s", flush=True)
            yield
        finally:
            lab_hosts.remove()


def places() -> Places:
    told = json.loads(lab_hosts.lab("inventory", "--format", "json"))
    addresses = {name: host["address"] for name, host in told.items()}
    (leader,) = (name for name in addresses if sql(name, "SELECT pg_is_in_recovery()") == "f")
    client, proxy = sorted(addresses.keys() - {leader})[:2]
    return Places(leader, client, proxy, addresses)


def host(name: str, script: str) -> str:
    return lab_hosts.lab("ssh", name, script)


def sql(name: str, *statements: str) -> str:
    """As the superuser, by the socket."""
    words = " ".join(f'-c "{statement}"' for statement in statements)
    return host(name, f"psql -U postgres -d postgres -XAtq {words}").strip()


@contextmanager
def database(at: Places, scale: int) -> Iterator[None]:
    """Filled, with a role of its own; gone afterwards."""
    sql(at.leader, *FORGET.split("; "))
    try:
        host(at.leader, f'umask 077; echo "*:*:*:{ROLE}:$(openssl rand -hex 24)" > {PASSWORDS}')
        create = f"CREATE ROLE {ROLE} LOGIN PASSWORD '$(cut -d : -f 5 {PASSWORDS})'"
        host(at.leader, f'echo "{create}" | psql -U postgres -d postgres -Xq')
        sql(at.leader, f"CREATE DATABASE {DATABASE} OWNER {ROLE}")
        pgbench(at, STRAIGHT, f"--initialize --quiet --scale={scale}")
        host(at.leader, f"cat > {SCRIPT} <<'END'\n{RANGE}END")
        sql(at.leader, "CHECKPOINT")
        yield
    finally:
        sql(at.leader, *FORGET.split("; "))
        host(at.leader, f"rm -f {PASSWORDS} {SCRIPT}")


def pgbench(at: Places, way: str, words: str) -> str:
    return host(at.client, f'PGPASSFILE={PASSWORDS} pgbench {words} "{at.connection(way)}"')


def spent(at: Places) -> dict[str, float]:
    """Microseconds of CPU time that each service has taken since it was started."""
    return {
        service: int(host(name, f"systemctl show --property=CPUUsageNSec --value {unit}")) / 1000
        for service, (name, unit) in at.services.items()
    }


def measure(at: Places, cell: Cell, seconds: int) -> Sample:
    what = f"--file={SCRIPT}" if cell.load == RANGES else f"--builtin={cell.load}"
    load = f"--client={cell.clients} --jobs={min(2, cell.clients)} --time={seconds}"
    before = spent(at)
    said = pgbench(at, cell.way, f"--no-vacuum {what} --protocol=prepared {load}")
    return sample(said, {service: after - before[service] for service, after in spent(at).items()})


def base(cell: Cell) -> Cell:
    """What a way is measured by: the proxies by the same commit without them, waiting by not waiting."""
    by = LOCAL if cell.load == WRITES and cell.way in (LOCAL, STRAIGHT) else STRAIGHT
    return replace(cell, way=by)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="each measures every way once")
    parser.add_argument("--seconds", type=int, default=15, help="of one measurement")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8], help="how many at a time")
    parser.add_argument("--scale", type=int, default=20, help="of pgbench; 100 are 1.5 GB")
    parser.add_argument("--loads", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument(
        "--deployed", action="store_true", help="measure the cluster that the hosts of $MATRIARCH_BENCH_LAB are"
    )
    options = parser.parse_args()
    cells = [Cell(load, count, way) for load in options.loads for count in options.clients for way in WAYS[load]]
    found: dict[Cell, list[Sample]] = {cell: [] for cell in cells}
    with cluster(options.deployed):
        at = places()
        with database(at, options.scale):
            for number in range(options.rounds):
                for cell in cells if number % 2 else reversed(cells):
                    found[cell].append(measure(at, cell, options.seconds))
                print(f"round {number + 1} of {options.rounds} done", flush=True)
    about = f"{os.cpu_count()} cores for all hosts; medians of {options.rounds} rounds of {options.seconds} s"
    told = f"{about}\n{table(found, {cell: base(cell) for cell in cells})}\n"
    leave("overhead.txt", told)
    print(told, end="")


if __name__ == "__main__":
    main()
