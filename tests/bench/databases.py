"""What one more database and user cost on a cluster that has fifty of each: `make bench-databases`.

It boots three hosts, deploys site.yml, declares fifty users and fifty databases, and then runs playbooks/databases.yml in
turn without a change and with one more of each. It prints medians and their ratio and asserts nothing: another machine
has others.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections import defaultdict
from pathlib import Path

import lab_hosts
from measured_run import Run, run_playbook

HOSTS = 3
FIRST, AGAIN, MORE = "the first fifty", "without a change", "one more of each"
Runs = dict[str, list[Run]]


def declare(folder: Path, count: int) -> None:
    """A database each with an owner, an extension, a setting, a pool, and somebody who reads there."""
    users = [{"name": "reader", "login": False}, *({"name": f"app{number}"} for number in range(count))]
    databases = [
        {
            "name": f"app{number}",
            "owner": f"app{number}",
            "extensions": ["pg_trgm"],
            "settings": {"timezone": "UTC"},
            "pool": {"size": 5},
            "grants": [{"to": "reader", "access": "read"}],
        }
        for number in range(count)
    ]
    declared = {"databases_users": users, "databases_declared": databases}
    (folder / "group_vars").mkdir(exist_ok=True)
    (folder / "group_vars" / "all.json").write_text(json.dumps(declared), encoding="utf-8")


def measure(count: int, rounds: int) -> Runs:
    runs: Runs = defaultdict(list)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lab_hosts.boot_bare(HOSTS, "cached")
        inventory = lab_hosts.write_inventory(HOSTS, folder)
        print(f"deployed in {run_playbook(inventory).seconds:.0f} s", flush=True)

        def databases(what: str) -> None:
            runs[what].append(run_playbook(inventory, playbook="playbooks/databases.yml"))

        declare(folder, count)
        databases(FIRST)
        for number in range(rounds):
            databases(AGAIN)
            declare(folder, count + number + 1)
            databases(MORE)
    return runs


def table(runs: Runs) -> str:
    lines = [f"{'run':<17} {'seconds':>8} {'tasks':>6} {'round trips':>12} {'changed':>8}"]
    for what, done in runs.items():
        last = done[-1]
        lines.append(f"{what:<17} {median(done):>8.1f} {len(last.tasks):>6} {last.round_trips:>12} {last.changed:>8}")
    return "\n".join([*lines, f"{MORE} : {AGAIN}  {median(runs[MORE]) / median(runs[AGAIN]):.2f}"])


def median(runs: list[Run]) -> float:
    return statistics.median(run.seconds for run in runs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3, help="repetitions; medians are printed")
    options = parser.parse_args()
    try:
        print(table(measure(options.count, options.rounds)))
    finally:
        lab_hosts.remove()


if __name__ == "__main__":
    main()
