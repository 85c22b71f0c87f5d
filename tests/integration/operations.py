"""Playbooks as an operator runs them: to their end, or until the operator dies. And how the cluster stands then."""

from __future__ import annotations

import json
import os
import re
import signal
import ssl
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import pytest
from integration.inventory import ROOT, Cluster, Machine
from integration.watch import Connect, leader, value

THOROUGH = os.environ.get("MATRIARCH_OPERATIONS_ALL") == "1"
thorough = pytest.mark.skipif(not THOROUGH, reason="takes its time: only with MATRIARCH_OPERATIONS_ALL=1")

LONGEST_RUN = 600
# For how long an operator who dies may leave clients held.
HELD_SECONDS = 20
WHOLE_SECONDS = 120
PLAIN = {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0", "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"}
RESULT = re.compile(r"^\w.*? => (?=\{)", re.MULTILINE)
TIMELINE = "SELECT ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int"


@dataclass(frozen=True)
class Outcome:
    """How a run ended; `report` is what the operation wrote for programs, empty where it writes none."""

    returncode: int
    stdout: str
    report: dict[str, Any]

    @property
    def ok(self) -> bool:
        return self.returncode == 0

    @property
    def messages(self) -> list[Any]:
        """The `msg` of every result that was printed, as it was before it was printed."""
        return [result["msg"] for result in results(self.stdout) if "msg" in result]

    @property
    def said(self) -> str:
        """All messages as text."""
        return "\n".join("\n".join(map(str, m)) if isinstance(m, list) else str(m) for m in self.messages)

    @property
    def changed(self) -> bool:
        """Whether the recap tells of any change."""
        return re.search(r"\bchanged=[1-9]", self.stdout) is not None

    @property
    def changes(self) -> list[str]:
        """The tasks that changed something, but for the operation's own lock and report."""
        found, task = [], ""
        for line in self.stdout.splitlines():
            if line.startswith("TASK ["):
                task = line[len("TASK [") :].rpartition("]")[0]
            elif line.startswith("changed: ") and not task.startswith("matriarch.pgcluster.operation : "):
                found.append(task)
        return found

    @property
    def tail(self) -> str:
        """What failed first, which may be long ago where other hosts went on, and the last that was printed."""
        failed, last = self.stdout.find("\nfatal: "), len(self.stdout) - 4000
        first = f"{self.stdout[failed : failed + 2000]}\n[...]\n" if 0 <= failed < last else ""
        return first + self.stdout[-4000:]


def results(stdout: str) -> Iterator[dict[str, Any]]:
    for found in RESULT.finditer(stdout):
        yield json.JSONDecoder().raw_decode(stdout, found.end())[0]


class Run:
    """A playbook that is running; as a context it does not outlive what was to be seen of it, whatever that came to."""

    def __init__(self, cluster: Cluster, playbook: str, check: bool, extra_vars: dict[str, Any]) -> None:
        self._playbook = playbook
        self._folder = tempfile.TemporaryDirectory()
        self._report, self._stdout = (Path(self._folder.name) / name for name in ("report.json", "stdout"))
        told = json.dumps({**extra_vars, "operation_report": str(self._report)})
        mode = ["--check"] if check else []
        command = ["ansible-playbook", *inventories(cluster), *mode, "--extra-vars", told]
        with self._stdout.open("w") as stdout:
            self._process = subprocess.Popen(
                [*command, str(ROOT / "playbooks" / f"{playbook}.yml")],
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env={**os.environ, **PLAIN},
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.kill()

    def finish(self, seconds: float = LONGEST_RUN) -> Outcome:
        """Wait for its end; a run that takes longer is killed and fails the test."""
        if self.lasts(seconds):
            self.kill()
            pytest.fail(f"{self._playbook} did not end within {seconds:.0f} s:\n{self._stdout.read_text()[-4000:]}")
        report = json.loads(self._report.read_text()) if self._report.exists() else {}
        return Outcome(self._process.returncode, self._stdout.read_text(), report)

    def lasts(self, seconds: float) -> bool:
        """Wait so long, or until it has ended: whether it still runs."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return True
        return False

    def begins(self, count: int, seconds: float = LONGEST_RUN) -> bool:
        """Wait until it has begun so many tasks and handlers: whether it still runs then, and had not ended before."""
        deadline = time.monotonic() + seconds
        while self.lasts(0.1) and time.monotonic() < deadline:
            if begun(self._stdout.read_text()) >= count:
                return True
        return False

    def kill(self) -> None:
        """SIGKILL for the whole tree: Ansible's workers have sessions of their own, and outlive their process group.

        Nothing where it has ended.
        """
        if not self.lasts(0):
            return
        doomed: list[int] = []
        young = [self._process.pid]
        while young:  # those who have been stopped have no more children
            send(signal.SIGSTOP, young)
            doomed += young
            young = [child for child in children(doomed) if child not in doomed]
        send(signal.SIGKILL, doomed)
        self._process.wait()


def begun(said: str) -> int:
    """How many tasks and handlers a playbook has begun, as far as it prints them."""
    return len(re.findall(r"^(?:TASK|RUNNING HANDLER) \[", said, re.MULTILINE))


def start(operated: Cluster, playbook: str, /, *, check: bool = False, **extra_vars: Any) -> Run:
    return Run(operated, playbook, check, extra_vars)


def play(
    operated: Cluster, playbook: str, /, *, check: bool = False, seconds: float = LONGEST_RUN, **extra_vars: Any
) -> Outcome:
    with start(operated, playbook, check=check, **extra_vars) as run:
        return run.finish(seconds)


def adhoc(cluster: Cluster, machine: Machine, module: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """What a module of the collection answers on one host."""
    told = ["--become", "--module-name", f"matriarch.pgcluster.{module}", "--args", json.dumps(arguments)]
    done = subprocess.run(
        ["ansible", *inventories(cluster), machine.name, *told],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, **PLAIN},
    )
    answers = list(results(done.stdout))
    assert len(answers) == 1, done.stdout + done.stderr
    return answers[0]


def inventories(cluster: Cluster) -> list[str]:
    return [word for source in cluster.sources for word in ("--inventory", source)]


def children(parents: Collection[int]) -> Iterator[int]:
    """See proc_pid_stat(5): the second field, in brackets, may hold any character, the fourth is the parent."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            if int(stat.read_text().rpartition(")")[2].split()[1]) in parents:
                yield int(stat.parent.name)


def send(number: signal.Signals, processes: Collection[int]) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, number)


def patroni(cluster: Cluster) -> dict[str, Any]:
    """What GET /cluster tells; nothing where no Patroni answers."""
    answers = (ask_patroni(cluster, machine, "cluster") for machine in cluster.postgres)
    return next((told for told in answers if told), {"members": []})


def ask_patroni(cluster: Cluster, machine: Machine, path: str) -> dict[str, Any]:
    """What one Patroni answers; nothing where it does not."""
    context = ssl.create_default_context(cafile=str(cluster.ca))
    url = f"https://{machine.address}:{cluster.patroni_port}/{path}"
    with suppress(OSError), urllib.request.urlopen(url, context=context, timeout=5) as answer:
        told: dict[str, Any] = json.load(answer)
        return told
    return {}


def members(cluster: Cluster) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = patroni(cluster)["members"]
    return found


def is_whole(cluster: Cluster) -> bool:
    """Whether one member leads, and all others stream on its timeline and count for a commit."""
    found = members(cluster)
    standbys = [member for member in found if member["role"] in ("sync_standby", "quorum_standby")]
    return (
        {member["name"] for member in found} == {machine.name for machine in cluster.postgres}
        and len(found) - len(standbys) == 1
        and all(member["state"] == "streaming" for member in standbys)
        and len({member.get("timeline") for member in found}) == 1
    )


def standing(connect: Connect, cluster: Cluster) -> tuple[Machine, int]:
    """Who leads, and on which timeline."""
    leads = leader(connect, cluster)
    own = next(instance for instance in cluster.instances if instance.name == leads.name)
    with connect(own) as session:
        return leads, value(session, TIMELINE)


def started(connect: Connect, cluster: Cluster) -> dict[str, datetime]:
    """Since when each member's PostgreSQL runs."""
    found = {}
    for instance in cluster.instances:
        with connect(instance) as session:
            found[instance.name] = value(session, "SELECT pg_postmaster_start_time()")
    return found
