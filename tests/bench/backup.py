"""What backups and restores cost beside the bare engine, and how much would be lost: `make bench-backup`.

It boots a host, deploys site.yml with backups into a mounted directory, fills a database by pgbench, and does each of
these in turn with the same settings: a full backup by the playbook, by the program that the timers run, and by the
engine alone; and a recovery to the same moment by the engine with a PostgreSQL of its own, and by the playbook.
The recovery point is measured while clients write, and while nobody does. It prints medians and ratios and asserts
nothing: another machine has others.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lab_hosts
from measured_run import execute, run_playbook

HOST = "db1"
DATABASE = "bench"
DATA = "/var/lib/postgresql/17/main"
BESIDE = "/var/lib/postgresql/17/bare"
PROGRAMS = "/usr/lib/postgresql/17/bin"
ENGINE = "pgbackrest --stanza=main --log-level-console=warn"
VARIABLES = {"backup_repositories": [{"type": "directory"}]}
SAMPLE_SECONDS = 5.0

PLAYBOOK, PROGRAM, BARE = "playbook", "program", "engine alone"
SERVES, WHOLE, BEGAN = "until it serves", "until all is whole", "of that, no leader"
Times = dict[tuple[str, str], list[float]]


@contextmanager
def cluster() -> Iterator[Path]:
    """A cluster of one test host that is gone afterwards. Its timers are off: who is measured is alone."""
    with tempfile.TemporaryDirectory() as folder:
        variables = Path(folder) / "group_vars" / "all.json"
        variables.parent.mkdir()
        variables.write_text(json.dumps(VARIABLES), encoding="utf-8")
        try:
            lab_hosts.boot_bare(1, "cached")
            hosts = lab_hosts.write_inventory(1, Path(folder))
            print(f"deployed in {run_playbook(hosts).seconds:.0f} s", flush=True)
            host("systemctl stop matriarch-backup@scheduled.timer matriarch-backup@scheduled.service")
            yield hosts
        finally:
            lab_hosts.remove()


def host(command: str) -> str:
    return lab_hosts.lab("ssh", HOST, command)


def postgres(command: str) -> str:
    return host(f"runuser -u postgres -- {command}")


def sql(statement: str, database: str = "postgres") -> str:
    return postgres(f'psql --no-psqlrc --quiet --tuples-only --no-align --dbname={database} -c "{statement}"').strip()


def seconds(work: Callable[[], object]) -> float:
    begun = time.monotonic()
    work()
    return time.monotonic() - begun


def note(times: Times, what: str, way: str, took: float) -> None:
    """Told at once, too: a bench that is ended has not measured in vain."""
    times[what, way].append(took)
    print(f"{what} by {way}: {took:.1f} s", flush=True)


def play(inventory: Path, name: str, **told: Any) -> Mapping[str, Any]:
    """Run a playbook; what it reports, where it does. Raises CalledProcessError, with the run's output."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        words = json.dumps({**told, "operation_report": str(report)})
        execute(
            ["ansible-playbook", "--inventory", str(inventory), "--extra-vars", words, f"playbooks/{name}.yml"],
            dict(os.environ),
        )
        content: Mapping[str, Any] = json.loads(report.read_text(encoding="utf-8")) if report.exists() else {}
        return content


def back_up(inventory: Path, times: Times, number: int) -> None:
    """One full backup in each way; who comes first changes."""
    ways: list[tuple[str, Callable[[], object]]] = [
        (PLAYBOOK, lambda: play(inventory, "backup", type="full")),
        (PROGRAM, lambda: postgres("/usr/local/libexec/matriarch-backup take --kind=full")),
        (BARE, lambda: postgres(f"{ENGINE} --type=full --no-expire-auto backup")),
    ]
    shift = number % len(ways)
    for way, work in (*ways[shift:], *ways[:shift]):
        note(times, "backup", way, seconds(work))


def restore(inventory: Path, times: Times, load_seconds: int) -> None:
    """The same moment by the bare engine, beside the cluster, then by the playbook."""
    label = newest_backup()
    pgbench(load_seconds)
    target = sql("SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US+00')")
    sql("SELECT pg_current_xact_id()")
    sql("SELECT pg_switch_wal()")
    wait_until_archived()
    note(times, "restore", BARE, seconds(lambda: bare_restore(label, target)))
    postgres(f"rm --recursive --force {BESIDE}")
    begun = time.monotonic()
    told = play(
        inventory, "restore", target=f"time:{target.replace(' ', 'T')}:00", backup=label, confirm="main",
        delete_former=True, backup_gate=False,  # nobody has tried this backup: that is what is about to be done
    )["result"]  # fmt: skip
    whole = time.monotonic() - begun
    note(times, "restore", WHOLE, whole)
    note(times, "restore", BEGAN, told["seconds_without_leader"])
    note(times, "restore", SERVES, told["seconds_until_served"])


def bare_restore(label: str, target: str) -> None:
    """As an operator does it by hand: restore, have PostgreSQL replay up to the target, promote, and wait for that."""
    postgres(f"mkdir --mode=0700 {BESIDE}")
    wanted = f"--set={label} --type=time '--target={target}' --target-action=promote"
    postgres(f"{ENGINE} --pg1-path={BESIDE} --lock-path=/tmp/bare {wanted} restore")
    alone = "-c listen_addresses= -c unix_socket_directories=/tmp -c port=5999 -c archive_mode=off"
    postgres(f"{PROGRAMS}/pg_ctl -D {BESIDE} --silent --wait -t 3600 -l /tmp/bare.log -o '{alone}' start")
    while postgres("psql -XAt -h /tmp -p 5999 -c 'SELECT pg_is_in_recovery()' postgres").strip() != "f":
        time.sleep(0.5)
    postgres(f"{PROGRAMS}/pg_ctl -D {BESIDE} --silent --wait -m fast stop")


def newest_backup() -> str:
    told = json.loads(postgres("pgbackrest --stanza=main --output=json --log-level-console=off info"))
    label: str = told[0]["backup"][-1]["label"]
    return label


def pgbench(duration: int) -> str:
    return postgres(f"pgbench --client=4 --jobs=2 --time={duration} {DATABASE}")


def wait_until_archived() -> None:
    waiting = "SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'"
    deadline = time.monotonic() + 300
    while sql(waiting) != "0":
        if time.monotonic() > deadline:
            raise TimeoutError("WAL waits for the archiver for five minutes")
        time.sleep(0.5)


def points(inventory: Path, duration: int) -> Iterator[float]:
    """What would be lost, in seconds, again and again; the module's own look takes its time, too."""
    command = ["ansible", "--inventory", str(inventory), HOST, "--become", "-m", "matriarch.pgcluster.backup_info"]
    environment = {**os.environ, "ANSIBLE_CALLBACK_RESULT_FORMAT": "json", "ANSIBLE_NOCOLOR": "1"}
    end = time.monotonic() + duration
    while time.monotonic() < end:
        text = execute(command, environment)
        yield json.loads(text[text.index("{") :])["rpo_seconds"]
        time.sleep(SAMPLE_SECONDS)


def recovery_points(inventory: Path, options: argparse.Namespace) -> dict[str, list[float]]:
    load = subprocess.Popen(
        lab_hosts.command(
            "ssh", HOST, f"runuser -u postgres -- pgbench -c 4 -j 2 -T {options.load_seconds} {DATABASE}"
        ),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    under_load = list(points(inventory, options.load_seconds))
    load.wait()
    return {"under load": under_load, "idle": list(points(inventory, options.idle_seconds))}


def table(times: Times) -> str:
    lines = [f"{'what':<8} {'by':<20} {'runs':>5} {'median':>10} {'to the engine alone':>20}"]
    for (what, way), values in times.items():
        bare = statistics.median(times[what, BARE])
        median = statistics.median(values)
        ratio = "" if way in (BARE, BEGAN) else f"{median / bare:.2f}"
        lines.append(f"{what:<8} {way:<20} {len(values):>5} {median:>8.1f} s {ratio:>20}")
    return "\n".join(lines)


def point_table(found: Mapping[str, list[float]]) -> str:
    lines = [f"{'would be lost':<14} {'samples':>8} {'median':>10} {'most':>10}"]
    for when, values in found.items():
        if values:
            lines.append(f"{when:<14} {len(values):>8} {statistics.median(values):>8.1f} s {max(values):>8.1f} s")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=int, default=150, help="of pgbench; 100 are 1.5 GB")
    parser.add_argument("--rounds", type=int, default=1, help="repetitions; medians are printed")
    parser.add_argument("--load-seconds", type=int, default=60, help="how long clients write before a restore")
    parser.add_argument(
        "--idle-seconds", type=int, default=60, help="for how long nobody writes; 330 see archive_timeout"
    )
    options = parser.parse_args()
    times: Times = defaultdict(list)
    with cluster() as inventory:
        sql(f"CREATE DATABASE {DATABASE}")
        spent = seconds(lambda: postgres(f"pgbench --initialize --quiet --scale={options.scale} {DATABASE}"))
        size = int(sql(f"SELECT pg_database_size('{DATABASE}')")) / 2**30
        print(f"filled with {size:.1f} GiB in {spent:.0f} s", flush=True)
        for number in range(options.rounds):
            back_up(inventory, times, number)
        print(table(times), flush=True)
        found = recovery_points(inventory, options)
        for _round in range(options.rounds):
            restore(inventory, times, options.load_seconds)
    print("", table(times), "", point_table(found), sep="\n")


if __name__ == "__main__":
    main()
