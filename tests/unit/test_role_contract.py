# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for every role: its argument spec equals its defaults, and its tasks keep the project's style."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
ROLES = sorted(path for path in (ROOT / "roles").iterdir() if path.is_dir())
TASK_FILES = sorted(path for folder in ("tasks", "handlers") for path in (ROOT / "roles").glob(f"*/{folder}/**/*.yml"))
PLAYBOOKS = sorted((ROOT / "playbooks").glob("*.yml"))
TEMPLATES = sorted(path for path in (ROOT / "roles").glob("*/templates/**/*") if path.is_file())
SCREEN = 50
LONGEST_FILE = 200
# What a task is made of besides its one module.
KEYWORDS = {
    "always", "any_errors_fatal", "args", "async", "become", "become_user", "block", "changed_when", "check_mode",
    "delay", "delegate_facts", "delegate_to", "diff", "environment", "failed_when", "ignore_unreachable", "listen",
    "loop", "loop_control", "module_defaults", "name", "no_log", "notify", "poll", "register", "rescue", "retries",
    "run_once", "tags", "throttle", "timeout", "until", "vars", "when",
}  # fmt: skip
CHOSEN = "{{ ':&chosen' if cluster is defined else '' }}"
COMMANDS = {f"ansible.builtin.{name}" for name in ("command", "shell", "raw", "script")}


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def defaults(role: Path) -> dict[str, Any]:
    path = role / "defaults" / "main.yml"
    return (load(path) or {}) if path.exists() else {}


def options(role: Path) -> dict[str, dict[str, Any]]:
    return load(role / "meta" / "argument_specs.yml")["argument_specs"]["main"].get("options", {})


def tasks(path: Path) -> Iterator[dict[str, Any]]:
    """Every task of a file, those in blocks included."""
    pending = list(load(path) or [])
    while pending:
        task = pending.pop(0)
        yield task
        for part in ("block", "rescue", "always"):
            pending.extend(task.get(part, []))


def modules(path: Path) -> Iterator[str]:
    for task in tasks(path):
        yield from (key for key in task if key not in KEYWORDS)


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_no_private_variable_is_said_twice(role: Path) -> None:
    """Of two files the later one would win, without a word."""
    names = [name for path in sorted((role / "vars").glob("**/*.yml")) for name in load(path) or {}]
    assert sorted(names) == sorted(set(names))


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
class TestInterface:
    def test_the_spec_names_what_the_defaults_name(self, role):
        """An option without a default is one that its user has to give."""
        required = {name for name, option in options(role).items() if option.get("required")}
        assert set(options(role)) - required == set(defaults(role))

    def test_a_default_is_the_same_in_both(self, role):
        """A template cannot be repeated in the spec: there the description says it in words."""
        stated = {name: option["default"] for name, option in options(role).items() if "default" in option}
        assert stated == {name: defaults(role)[name] for name in stated}

    def test_a_fixed_default_is_stated(self, role):
        fixed = {name for name, value in defaults(role).items() if "{{" not in str(value)}
        assert {name for name in fixed if "default" not in options(role)[name]} == set()

    def test_every_variable_is_described_and_typed(self, role):
        assert [name for name, option in options(role).items() if not option.get("description")] == []
        assert [name for name, option in options(role).items() if not option.get("type")] == []

    def test_variables_carry_the_name_of_the_role(self, role):
        own = re.compile(rf"(__)?{role.name}_")
        named = [*defaults(role), *(name for path in role.glob("vars/**/*.yml") for name in load(path) or {})]
        for path in (role / "tasks").glob("**/*.yml"):
            for task in tasks(path):
                named += [task["register"]] if "register" in task else []
                named += list(task.get("ansible.builtin.set_fact", {}))
        assert [name for name in named if not own.match(name) and name != "cacheable"] == []

    def test_the_spec_has_a_summary(self, role):
        assert load(role / "meta" / "argument_specs.yml")["argument_specs"]["main"].get("short_description")


@pytest.mark.parametrize("path", TASK_FILES, ids=relative)
class TestTasks:
    def test_a_file_has_one_subject(self, path):
        longest = SCREEN if path.name == "main.yml" and path.parent.name == "tasks" else LONGEST_FILE
        assert len(path.read_text(encoding="utf-8").splitlines()) <= longest

    def test_modules_are_named_in_full(self, path):
        assert [name for name in modules(path) if name.count(".") < 2] == []

    def test_errors_are_not_ignored(self, path):
        assert [task["name"] for task in tasks(path) if "ignore_errors" in task] == []

    def test_there_is_no_shell(self, path):
        assert [name for name in modules(path) if name in COMMANDS - {"ansible.builtin.command"}] == []

    def test_a_command_says_why(self, path):
        """The comment stands right above it, inside the task."""
        text = path.read_text(encoding="utf-8")
        commands = re.findall(r"^(.*)\n +ansible\.builtin\.command:", text, re.MULTILINE)
        assert [line for line in commands if not line.lstrip().startswith("#")] == []

    def test_what_speaks_sql_says_at_which_port(self, path):
        """The modules' own default is 5432, whatever the cluster's is."""
        spoken = [each for task in tasks(path) for key, each in task.items() if key.startswith("community.postgresql.")]
        assert [each for each in spoken if "login_port" not in each] == []

    def test_at_most_two_conditions(self, path):
        crowded = [task["name"] for task in tasks(path) if isinstance(task.get("when"), list) and len(task["when"]) > 2]
        assert crowded == []


@pytest.mark.parametrize("path", TEMPLATES, ids=relative)
def test_a_template_prints_the_same_every_day(path):
    assert re.findall(r"\{[{%][^}]*?(now\(|strftime|ansible_date_time|pipe)", path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", PLAYBOOKS, ids=relative)
def test_plays_are_sentences(path):
    assert [play for play in load(path) if len(play.get("name", "").split()) < 3] == []


@pytest.mark.parametrize("path", PLAYBOOKS, ids=relative)
def test_every_play_is_for_the_chosen_cluster(path):
    first, *plays = load(path)
    assert first["ansible.builtin.import_playbook"] == "parts/choose.yml"
    assert [play["name"] for play in plays if not play.get("hosts", CHOSEN).endswith(CHOSEN)] == []


SWITCHES = sorted(
    name
    for role in ROLES
    for entry in load(role / "meta" / "argument_specs.yml")["argument_specs"].values()
    for name, option in (entry.get("options") or {}).items()
    if option.get("type") == "bool"
)
EXPRESSIONS = [*TASK_FILES, *PLAYBOOKS, *TEMPLATES, *sorted((ROOT / "roles").glob("*/vars/**/*.yml"))]


@pytest.mark.parametrize("path", EXPRESSIONS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_switch_that_was_given_on_the_command_line_is_no_text(path):
    """`-e switch=false` arrives as the text "false", which is true. Modules and roles know better."""
    for line in path.read_text(encoding="utf-8").splitlines():
        for name in SWITCHES:
            handed_on = re.fullmatch(rf'[\s-]*[\w.]+: "\{{\{{ {name} \}}\}}"', line) or re.match(
                rf"\s*({name}:|#)", line
            )
            assert handed_on or not re.search(rf"\b{name}\b(?!\s*\|\s*bool)", line), line
