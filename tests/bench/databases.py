"""What one more database and user cost on a cluster that has fifty of each: `make bench-databases`.

It boots three hosts, deploys site.yml, declares fifty users and fifty databases, and then runs playbooks/databases.yml
in turn without a change and with one more of each. It prints medians and their ratio and asserts nothing: another
machine has others.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import lab_hosts
from measured_run import Run, run_playbook

HOSTS = 3
FIRST, AGAIN, MORE = "the first fifty", "without a change", "one more of each"
Runs = dict[str, list[Run]]


def declared(count: int) -> dict[str, Any]:
    """A database each with an owner, an extension, a setting, a pool, and somebody who reads there."""
    names = [f"app{number}" for number in range(count)]
    databases = [
        {
            "name": name,
            "owner": name,
            "extensions": ["pg_trgm"],
            "settings": {"timezone": "UTC"},
            "pool": {"size": 5},
            "grants": [{"to": "reader", "access": "read"}],
        }
        for name in names
    ]
    users = [{"name": "reader", "login": False}, *({"name": name} for name in names)]
    return {"databases_users": users, "databases_declared": databases}


@contextmanager
def cluster() -> Iterator[list[Path]]:
    """A cluster of three test hosts that is gone afterwards, as inventories."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            lab_hosts.boot_bare(HOSTS, "cached")
            inventory = lab_hosts.write_inventory(HOSTS, Path(folder))
            print(f"deployed in {run_playbook(inventory).seconds:.0f} s", flush=True)
            yield [inventory]
        finally:
            lab_hosts.remove()


def measure(inventories: Sequence[Path], count: int, rounds: int) -> Runs:
    runs: Runs = defaultdict(list)
    first, *others = inventories
    more = [word for other in others for word in ("--inventory", str(other))]

    def databases(what: str, number: int) -> None:
        with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as told:
            json.dump(declared(number), told)
            told.flush()
            runs[what].append(run_playbook(first, *more, "-e", f"@{told.name}", playbook="playbooks/databases.yml"))

    databases(FIRST, count)
    for done in range(rounds):
        databases(AGAIN, count + done)
        databases(MORE, count + done + 1)
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
    parser.add_argument("--inventory", type=Path, nargs="+", help="of a cluster that runs, which keeps what is made")
    options = parser.parse_args()
    with nullcontext(options.inventory) if options.inventory else cluster() as inventories:
        print(table(measure(inventories, options.count, options.rounds)))


if __name__ == "__main__":
    main()
