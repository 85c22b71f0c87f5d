"""How long clients wait while leadership is handed over: `make bench-switchover`, or this file with options.

It boots three hosts with TLS, synchronous replication and WAL archiving, deploys site.yml, lets clients write through
the pooled and the direct endpoint, and runs playbooks/switchover.yml again and again; between the runs it makes the
leader's buffers dirty. It prints distributions and asserts no time. It fails when a pooled client saw an error, when
an acknowledged row is not there afterwards, or when a switchover failed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import client_load
import lab_hosts
import psycopg
from client_load import Client, Load
from measured_run import execute, leave, run_playbook
from pauses import TOTAL, Distribution, longest_gap, percentile, phases

HOSTS = 3
POOLED, DIRECT = "pooled", "direct"
SERVICES = {POOLED: "pooled-rw", DIRECT: "rw"}
# Archiving counts, as a stop waits for the archiver; how fast a store takes the segments does not.
PARAMETERS = {"archive_mode": "on", "archive_command": "/bin/true", "shared_buffers": "256MB"}


@dataclass
class Measured:
    """What the runs so far came to: seconds of pause by kind of client, and what the playbook reported."""

    pauses: dict[str, list[float]] = field(default_factory=lambda: {POOLED: [], DIRECT: []})
    reports: list[Mapping[str, Any]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


@contextmanager
def cluster(inventory: Path | None) -> Iterator[Path]:
    """The cluster of the inventory as it is, or a new one on test hosts that are gone afterwards."""
    if inventory:
        yield inventory
        return
    with tempfile.TemporaryDirectory() as folder:
        variables = Path(folder) / "group_vars" / "all.json"
        variables.parent.mkdir()
        variables.write_text(json.dumps({"pgcluster_postgresql_parameters": PARAMETERS}), encoding="utf-8")
        try:
            lab_hosts.boot_bare(HOSTS, "cached")
            hosts = lab_hosts.write_inventory(HOSTS, Path(folder))
            print(f"deployed in {run_playbook(hosts).seconds:.0f} s", flush=True)
            yield hosts
        finally:
            lab_hosts.remove()


def measure(options: argparse.Namespace, inventory: Path, load: Load[Client], measured: Measured) -> None:
    """Hand leadership over so many times; ends at the first switchover that fails."""
    for number in range(1, options.runs + 1):
        try:
            client_load.dirty_buffers(service(options, DIRECT), number)
            load.wait_for_everybody()
            start = time.monotonic()
            measured.reports.append(switch_over(inventory, options.arguments))
            load.wait_for_everybody()
        except (subprocess.CalledProcessError, TimeoutError, psycopg.Error) as error:
            measured.failures.append(f"run {number}: {error}")
            return
        end = time.monotonic()
        felt = {}
        for kind, values in measured.pauses.items():
            if gaps := [longest_gap(client.moments, start, end) for client in of_kind(load, options, kind)]:
                values.append(max(gaps))
                felt[kind] = f"{kind} {max(gaps):.3f} s"
        print(f"run {number}: {', '.join(felt.values())}", flush=True)


def switch_over(inventory: Path, arguments: list[str]) -> Mapping[str, Any]:
    """Run the playbook and return its report; raises CalledProcessError, with the run's output, when it fails."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        told = ["--inventory", str(inventory), "--extra-vars", json.dumps({"operation_report": str(report)})]
        execute(["ansible-playbook", *told, *arguments, "playbooks/switchover.yml"], dict(os.environ))
        content: Mapping[str, Any] = json.loads(report.read_text(encoding="utf-8"))
        return content


def of_kind(load: Load[Client], options: argparse.Namespace, kind: str) -> list[Client]:
    return [client for client in load.clients if client.service == service(options, kind)]


def service(options: argparse.Namespace, kind: str) -> str:
    return f"{options.cluster}-{SERVICES[kind]}"


def clients(options: argparse.Namespace, rows: int) -> list[Client]:
    kinds = [POOLED] * options.clients + [DIRECT] * options.direct
    return [Client(service(options, kind), name, rows, options.think) for name, kind in enumerate(kinds)]


def felt_table(measured: Measured, errors: Mapping[str, int], losses: Mapping[str, int]) -> str:
    lines = [f"{'clients':<8} {'runs':>5} {'min':>8} {'p50':>8} {'p95':>8} {'max':>8} {'errors':>7} {'lost':>5}"]
    for kind, values in measured.pauses.items():
        if values:
            d = Distribution.of(values)
            seconds = " ".join(f"{value:>6.3f} s" for value in (d.smallest, d.p50, d.p95, d.largest))
            lines.append(f"{kind:<8} {len(values):>5} {seconds} {errors[kind]:>7} {losses[kind]:>5}")
    return "\n".join(lines)


def told_phases(reports: list[Mapping[str, Any]]) -> list[Mapping[str, float]]:
    return [report["result"]["phases"] for report in reports]


def phase_table(reports: list[Mapping[str, Any]]) -> str:
    told = told_phases(reports)
    lines = [f"{'phase':<11} {'p50':>8} {'share of the pause':>19}"]
    for phase in phases(told):
        share = "" if phase.share is None else f"{phase.share:.0%}"
        lines.append(f"{phase.name:<11} {phase.milliseconds:>5.0f} ms {share:>19}")
    totals = [run[TOTAL] for run in told if TOTAL in run]
    if totals:
        lines.append(f"{TOTAL:<11} {percentile(totals, 50):>5.0f} ms")
    return "\n".join(lines)


def error_list(load: Load[Client], options: argparse.Namespace, kind: str) -> str:
    """The different errors of these clients, the most frequent first."""
    seen = Counter(" ".join(error.split()) for client in of_kind(load, options, kind) for error in client.errors)
    return "\n".join(f"{kind}: {count} x {error}" for error, count in seen.most_common(10))


def bench(options: argparse.Namespace) -> int:
    measured = Measured()
    with cluster(options.inventory) as inventory:
        folder = inventory if inventory.is_dir() else inventory.parent
        os.environ["PGSERVICEFILE"] = str(folder.resolve() / ".secrets" / options.cluster / "pg_service.conf")
        direct = service(options, DIRECT)
        rows = client_load.create_database(direct, options.table_mib)
        try:
            with Load(clients(options, rows)) as load:
                measure(options, inventory, load, measured)
            losses = {kind: client_load.lost(direct, of_kind(load, options, kind)) for kind in SERVICES}
        finally:
            client_load.drop_database(direct)
    errors = {kind: sum(len(client.errors) for client in of_kind(load, options, kind)) for kind in SERVICES}
    leave("switchover.json", json.dumps({"pauses": measured.pauses, "phases": told_phases(measured.reports)}))
    lists = [error_list(load, options, kind) for kind in SERVICES]
    tables = ["", felt_table(measured, errors, losses), "", phase_table(measured.reports)]
    print(*filter(None, (*lists, *measured.failures)), *tables, sep="\n")
    return 1 if errors[POOLED] or sum(losses.values()) or measured.failures else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20, help="switchovers")
    parser.add_argument("--clients", type=int, default=8, help="clients of the pooled endpoint")
    parser.add_argument("--direct", type=int, default=2, help="clients of the direct endpoint")
    parser.add_argument("--think", type=float, default=0.01, help="seconds between two transactions of a client")
    parser.add_argument("--table-mib", type=int, default=100, help="size of the table whose pages get dirty")
    parser.add_argument("--inventory", type=Path, help="a cluster that runs, instead of new test hosts")
    parser.add_argument("--cluster", default="main", help="its pgcluster_name")
    parser.add_argument("arguments", nargs="*", help="after --: more arguments for ansible-playbook")
    return bench(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
