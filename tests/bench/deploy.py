"""How long deployments take on bare hosts, and where the time goes: `make bench-deploy`, or this file with options.

It prints seconds and asserts none: another machine has others. What compares are ratios, tasks and round trips.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import lab_hosts
from measured_run import Run, run_playbook

Runs = dict[tuple[int, str], list[Run]]
DOWNLOADED, CACHED, AGAIN, CHECK = "first, downloads", "first, cached", "second run", "check run"


def measure(count: int, downloads: bool, runs: Runs, memory: dict[int, list[float]]) -> None:
    """One round: bare hosts that download, bare hosts that need not, then two runs that find nothing to do."""
    with tempfile.TemporaryDirectory() as folder:
        if downloads:
            lab_hosts.boot_bare(count, "none")
            runs[count, DOWNLOADED].append(run_playbook(lab_hosts.write_inventory(count, Path(folder))))
            lab_hosts.lab("harvest")
    with tempfile.TemporaryDirectory() as folder:
        lab_hosts.boot_bare(count, "cached")
        inventory = lab_hosts.write_inventory(count, Path(folder))
        runs[count, CACHED].append(run_playbook(inventory))
        runs[count, AGAIN].append(run_playbook(inventory))
        runs[count, CHECK].append(run_playbook(inventory, "--check", "--diff"))
        memory[count].append(lab_hosts.memory_mib(count))


def table(runs: Runs) -> str:
    lines = [f"{'hosts':<6} {'run':<17} {'seconds':>8} {'tasks':>6} {'round trips':>12} {'packages':>9} {'changed':>8}"]
    for (count, kind), done in runs.items():
        seconds = statistics.median(run.seconds for run in done)
        share = statistics.median(run.package_seconds / run.seconds for run in done)
        last = done[-1]
        lines.append(
            f"{count:<6} {kind:<17} {seconds:>8.1f} {len(last.tasks):>6} {last.round_trips:>12} "
            f"{share:>9.0%} {last.changed:>8}"
        )
    return "\n".join(lines)


def ratios(runs: Runs, counts: Sequence[int]) -> str:
    few, *more = counts
    lines = []
    for many in more:
        for kind in (CACHED, AGAIN, CHECK):
            pair = [statistics.median(run.seconds for run in runs[count, kind]) for count in (many, few)]
            lines.append(f"{many} hosts : {few} hosts, {kind:<17} {pair[0] / pair[1]:.2f}")
    return "\n".join(lines)


def slowest(runs: Runs) -> str:
    lines = []
    for (count, kind), done in runs.items():
        lines.append(f"\nwhere the time goes, {count} hosts, {kind}:")
        lines += [f"  {task.seconds:6.1f} s  {task.name}" for task in done[-1].slowest]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, nargs="+", choices=sorted(lab_hosts.LAYOUTS), default=[3])
    parser.add_argument("--rounds", type=int, default=1, help="repetitions; medians are printed")
    parser.add_argument("--no-downloads", dest="downloads", action="store_false", help="only with cached packages")
    options = parser.parse_args()
    runs: Runs = defaultdict(list)
    memory: dict[int, list[float]] = defaultdict(list)
    try:
        for count in options.hosts:
            for _round in range(options.rounds):
                measure(count, options.downloads, runs, memory)
    finally:
        lab_hosts.remove()
    print(slowest(runs), "", table(runs), ratios(runs, options.hosts), sep="\n")
    for count, measured in memory.items():
        print(f"memory of {count} hosts, running: {statistics.median(measured):.0f} MiB")


if __name__ == "__main__":
    main()
