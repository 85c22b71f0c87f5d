"""Every command that the documents give exists, takes what is given to it, and those for disasters are run by tests."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
DISASTERS = ROOT / "docs" / "HA_DISASTER_RECOVERY.md"
COMMAND = re.compile(r"^ {4,}(ansible-playbook .*?)(?:\s+#.*)?$", re.MULTILINE)
COLLECTION = "matriarch.pgcluster."
WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Command:
    """One run of a playbook: its name without folder and ending, and the names of the variables that are given."""

    text: str
    playbook: str
    variables: frozenset[str]
    check: bool

    @classmethod
    def parse(cls, text: str) -> Command:
        words = shlex.split(text)
        told = [after for word, after in pairwise(words) if word in ("-e", "--extra-vars")]
        (playbook,) = [word for word in words if word.endswith(".yml") or word.startswith(COLLECTION)]
        return cls(
            text=text,
            playbook=Path(playbook.removeprefix(COLLECTION)).name.removesuffix(".yml"),
            variables=frozenset(pair.partition("=")[0] for each in told for pair in each.split() if "=" in pair),
            check="--check" in words,
        )


def commands(document: Path) -> Iterator[Command]:
    for text in dict.fromkeys(COMMAND.findall(document.read_text(encoding="utf-8"))):
        yield Command.parse(text)


EVERYWHERE = sorted({command for each in DOCUMENTS for command in commands(each)}, key=lambda command: command.text)
AT_DISASTERS = list(commands(DISASTERS))


@cache
def known_variables() -> frozenset[str]:
    """All words of playbooks and of the roles' defaults."""
    files = [*(ROOT / "playbooks").glob("*.yml"), *(ROOT / "roles").glob("*/defaults/main.yml")]
    return frozenset(word for path in files for word in WORD.findall(path.read_text(encoding="utf-8")))


@cache
def words_of_host_tests() -> tuple[frozenset[str], ...]:
    """The words of every module of tests that run on hosts."""
    files = [*(ROOT / "molecule").glob("*/tests/*.py"), *(ROOT / "tests" / "integration").glob("*.py")]
    files += (ROOT / "tests" / "faults").rglob("*.py")
    return tuple(frozenset(WORD.findall(path.read_text(encoding="utf-8"))) for path in files)


def test_there_are_some() -> None:
    assert len(EVERYWHERE) > 50
    assert len(AT_DISASTERS) > 20


@pytest.mark.parametrize("command", EVERYWHERE, ids=lambda command: command.text)
def test_a_command_exists(command: Command) -> None:
    assert (ROOT / "playbooks" / f"{command.playbook}.yml").exists()
    assert command.variables <= known_variables()


@pytest.mark.parametrize("command", AT_DISASTERS, ids=lambda command: command.text)
def test_a_command_for_a_disaster_is_run_by_a_test(command: Command) -> None:
    wanted = {command.playbook, *command.variables} | ({"check"} if command.check else set())
    assert any(wanted <= words for words in words_of_host_tests())


def test_a_command_is_read_as_a_shell_would() -> None:
    text = "ansible-playbook -i inventories/lab playbooks/restore.yml -e 'target=time:1 confirm=main' --check"
    assert Command.parse(text) == Command(text, "restore", frozenset({"target", "confirm"}), check=True)
