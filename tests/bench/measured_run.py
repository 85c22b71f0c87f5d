"""One run of ansible-playbook with its time, its tasks and its round trips to the hosts."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE_ACTIONS = {"apt", "package", "deb822_repository", "pip"}


@dataclass(frozen=True)
class Task:
    name: str
    action: str
    seconds: float


@dataclass(frozen=True)
class Run:
    """What one run took; a round trip is one start of ssh or sftp."""

    seconds: float
    tasks: tuple[Task, ...]
    round_trips: int
    changed: int

    @property
    def package_seconds(self) -> float:
        return sum(task.seconds for task in self.tasks if task.action.rpartition(".")[2] in PACKAGE_ACTIONS)

    @property
    def slowest(self) -> list[Task]:
        return sorted(self.tasks, key=lambda task: -task.seconds)[:8]


def run_playbook(inventory: Path, *arguments: str, playbook: str = "site.yml") -> Run:
    """Run it; raises CalledProcessError, with the run's output, when it fails."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        tasks_file, calls = folder / "tasks.json", folder / "calls"
        calls.touch()
        environment = {
            **os.environ,
            "ANSIBLE_CALLBACK_PLUGINS": str(ROOT / "tests" / "bench" / "callback_plugins"),
            "ANSIBLE_CALLBACKS_ENABLED": "measure",
            "ANSIBLE_SSH_EXECUTABLE": str(counting(folder, "ssh", calls)),
            "ANSIBLE_SFTP_EXECUTABLE": str(counting(folder, "sftp", calls)),
            "MATRIARCH_BENCH_TASKS": str(tasks_file),
        }
        start = time.monotonic()
        output = execute(["ansible-playbook", "--inventory", str(inventory), *arguments, playbook], environment)
        return Run(
            seconds=time.monotonic() - start,
            tasks=tuple(
                Task(task["name"], task["action"], task["seconds"])
                for task in json.loads(tasks_file.read_text(encoding="utf-8"))
                if task["hosts"]
            ),
            round_trips=calls.stat().st_size,
            changed=sum(int(part.split()[0]) for part in output.split("changed=")[1:]),
        )


def counting(folder: Path, program: str, calls: Path) -> Path:
    """A stand-in for the program that adds one byte to a file with every start."""
    wrapper = folder / program
    wrapper.write_text(f'#!/bin/sh\nprintf . >>"{calls}"\nexec {program} "$@"\n', encoding="utf-8")
    wrapper.chmod(0o755)
    return wrapper


def execute(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stdout[-6000:], done.stderr[-2000:], sep="\n")
        done.check_returncode()
    return done.stdout


def leave(name: str, content: str) -> None:
    """Keep a result where `make report` finds it."""
    folder = ROOT / ".ansible" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(content, encoding="utf-8")
