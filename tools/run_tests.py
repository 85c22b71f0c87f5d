"""Run the test stages one after another: `run_tests.py ci` or `run_tests.py all`.

A failing stage does not keep the others from running. At the end stands what failed, then a table, then one plain line
that counts every single check: `N passed, N failed`. A stage that takes three times its estimate is ended and counts as
failed.
"""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / ".ansible" / "test-logs"


@dataclass(frozen=True)
class Stage:
    """One command; `minutes` is what it takes on two cores, `ci` whether `make test` has the time for it."""

    name: str
    command: tuple[str, ...]
    minutes: float
    ci: bool = True


def scenario(name: str, minutes: float, ci: bool = True) -> Stage:
    return Stage(f"molecule {name}", ("tools/scenario", name), minutes, ci)


STAGES = (
    Stage("lint", ("tools/lint",), 3),
    Stage("unit", ("pytest", "-n", "2", "-q"), 5),
    Stage("sanity", ("tools/ansible_test", "sanity"), 6),
    Stage("build", ("tools/build",), 1),
    scenario("default", 6),
    scenario("dedicated", 8),
    scenario("operations", 20),
    scenario("single", 7),
    scenario("faults", 90),  # in CI those that matter most, which takes 20
    Stage("ansible-test units", ("tools/ansible_test", "units"), 5, ci=False),
    scenario("debian12", 9, ci=False),  # in CI Debian 12 is that of `dedicated`
    scenario("forky", 9, ci=False),  # a release that is not finished changes without us
    scenario("fleet", 8, ci=False),
    scenario("repository", 6, ci=False),
    scenario("backup", 20, ci=False),
    scenario("barman", 20, ci=False),
    scenario("databases", 20, ci=False),
    scenario("logs", 10, ci=False),
    scenario("monitoring", 20, ci=False),
    scenario("monitoring12", 20, ci=False),
    scenario("watched", 12, ci=False),
)


# What `make test-all` asks of scenarios that have more to show than CI has time for.
THOROUGH = {"MATRIARCH_OPERATIONS_ALL": "1", "MATRIARCH_OPERATIONS_RUNS": "20", "MATRIARCH_FAULTS": "all"}


@dataclass(frozen=True)
class Count:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: Count) -> Count:
        return Count(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    def __str__(self) -> str:
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}"


@dataclass(frozen=True)
class Result:
    """`complaints` are the lines of a failed stage's log that say why."""

    stage: Stage
    seconds: float
    ok: bool
    count: Count
    complaints: tuple[str, ...] = ()


ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
CHECK = re.compile(r"^check (passed|failed): ", re.MULTILINE)
PYTEST = re.compile(r"^(?:=+ )?((?:\d+ [a-z]+(?:, )?)+) in \d+\.\d+s", re.MULTILINE)
MOLECULE = re.compile(r"^[A-Z]+ +\[[\w-]+ > \w+\] Executed: (Successful|Failed)", re.MULTILINE)
PYTEST_WORDS = {
    "passed": "passed",
    "xfailed": "passed",
    "failed": "failed",
    "xpassed": "failed",
    "error": "failed",
    "errors": "failed",
    "skipped": "skipped",
}
TASK = re.compile(r"^TASK \[")
TASK_FAILED = re.compile(r"^(?:fatal: |failed: \[)")
CHECK_FAILED = re.compile(r"^(?:ERROR |FAILED |E  |check failed: |Idempotence test failed|\* \[[\w.-]+\] => )")
MOST_COMPLAINTS = 40
MOST_DETAILS = 12
LONGEST_LINE = 800


def complaints(log: str) -> tuple[str, ...]:
    """The last lines that say why a stage failed: the tasks of Ansible, the errors of pytest and of our own checks."""
    found: list[str] = []
    task = ""
    lines = ESCAPE.sub("", log).splitlines()
    for number, line in enumerate(lines):
        if TASK.match(line):
            task = line.rstrip("* ")
        elif TASK_FAILED.match(line):
            found += [task, line, *details(lines[number + 1 :])]
        elif CHECK_FAILED.match(line):
            found.append(line)
    return tuple(line[:LONGEST_LINE] for line in found[-MOST_COMPLAINTS:])


def details(lines: Sequence[str]) -> list[str]:
    """What Ansible says of a failed task: the indented lines that follow it."""
    return list(itertools.takewhile(lambda line: line.startswith("    "), itertools.islice(lines, MOST_DETAILS)))


def count_checks(log: str) -> Count:
    """Everything a log reports: our own check lines, Molecule's steps, pytest's summaries."""
    log = ESCAPE.sub("", log)
    verdicts = [*CHECK.findall(log), *MOLECULE.findall(log)]
    good = sum(verdict in ("passed", "Successful") for verdict in verdicts)
    total = Count(passed=good, failed=len(verdicts) - good)
    for summary in PYTEST.findall(log):
        for number, word in re.findall(r"(\d+) ([a-z]+)", summary):
            if word in PYTEST_WORDS:
                total += Count(**{PYTEST_WORDS[word]: int(number)})
    return total


def follow(stage: Stage, log_path: Path) -> bool:
    """Run the stage with its output on the terminal and in its log; True if it succeeded in time."""
    with log_path.open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            stage.command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env={**os.environ, "NO_COLOR": "1", "PY_COLORS": "0", "ANSIBLE_NOCOLOR": "1"},
            start_new_session=True,
        )
        deadline = threading.Timer(stage.minutes * 180, os.killpg, (process.pid, signal.SIGKILL))
        deadline.start()
        assert process.stdout is not None
        for line in process.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            log.write(line)
        deadline.cancel()
        return process.wait() == 0


def run(stage: Stage) -> Result:
    print(f"\n=== {stage.name}", flush=True)
    log_path = LOGS / f"{stage.name.replace(' ', '-')}.log"
    start = time.monotonic()
    ok = follow(stage, log_path)
    log = log_path.read_text(encoding="utf-8")
    count = count_checks(log)
    if ok and count.passed == 0:
        print(f"{stage.name}: ended well but reports no check that passed; see {log_path}")
        ok = False
    if not ok and count.failed == 0:
        count += Count(failed=1)
    return Result(stage, time.monotonic() - start, ok, count, () if ok else complaints(log))


def summary(results: Sequence[Result], left_out: Sequence[Stage]) -> str:
    lines: list[str] = []
    for failed in (each for each in results if not each.ok):
        lines += [f"what failed in {failed.stage.name}:", *failed.complaints, ""]
    lines += [f"{'stage':<20} {'result':<7} {'seconds':>7}  checks"]
    for result in results:
        verdict = "ok" if result.ok else "FAILED"
        lines.append(f"{result.stage.name:<20} {verdict:<7} {result.seconds:>7.0f}  {result.count}")
    if left_out:
        lines.append("not in this run (make test-all): " + ", ".join(stage.name for stage in left_out))
    return "\n".join(lines)


def main(suite: str) -> int:
    LOGS.mkdir(parents=True, exist_ok=True)
    os.environ.update(THOROUGH if suite == "all" else {})
    chosen = [stage for stage in STAGES if stage.ci or suite == "all"]
    results = [run(stage) for stage in chosen]
    print("\n" + summary(results, [stage for stage in STAGES if stage not in chosen]))
    print(f"\n{sum((result.count for result in results), Count())}", flush=True)
    return 0 if all(result.ok for result in results) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
