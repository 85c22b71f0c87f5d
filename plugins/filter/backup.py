# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What backups need on hosts, for playbooks: an engine's packages, files and commands, and the hosts' own program."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar

from ansible.errors import AnsibleFilterError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.engine import Program, Secrets
from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.registry import engine
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_settings import Repository, Settings

T = TypeVar("T")

PACKAGE = "ansible_collections.matriarch.pgcluster.plugins.module_utils"
SOURCES = Path(__file__).resolve().parents[1] / "module_utils"
PROGRAM = "backup/program.py"
LAUNCHER = """#!/usr/bin/python3
# Written by Matriarch: what the commands of the backups' engine run.
import sys
import traceback

sys.path.insert(0, "{folder}")

try:
    from {module} import main

    code = main()
except Exception:
    traceback.print_exc()
    code = 70  # Python's own would be 1, and may mean something
sys.exit(code)
"""
SECRET = ("access_key", "secret_key")


def backup_packages(name: str) -> list[str]:
    return _told(lambda: list(engine(str(name)).packages()))


def backup_encrypts(name: str) -> bool:
    return _told(lambda: engine(str(name)).encrypts)


def backup_settings(declared: Mapping[str, Any]) -> dict[str, Any]:
    plain = _plain(declared)
    repositories = [_repository(each, plain["cluster"]) for each in plain["repositories"]]
    return asdict(_told(lambda: _accepted(Settings.parse({**plain, "repositories": repositories}))))


def _accepted(settings: Settings) -> Settings:
    if problem := engine(settings.engine).refusal(settings):
        raise MatriarchError(problem)
    return settings


def _repository(declared: Mapping[str, Any], cluster: str) -> dict[str, Any]:
    below = "/var/lib/matriarch/backups" if declared.get("type") == "directory" else ""
    public = {key: value for key, value in declared.items() if key not in SECRET and value is not None}
    known = {each.name for each in fields(Repository)}
    if unknown := sorted(set(public) - known):
        raise AnsibleFilterError(f"a backup repository has {', '.join(unknown)}; known are {', '.join(sorted(known))}")
    return {"path": f"{below}/{cluster}", **public}


def backup_keys(repository: Mapping[str, Any]) -> list[str]:
    return [str(repository.get(name) or "") for name in SECRET]


def backup_host_files(settings: Mapping[str, Any], secrets: Mapping[str, Any]) -> dict[str, Any]:
    parsed = _told(lambda: Settings.parse(_plain(settings)))
    told = Secrets(str(secrets["passphrase"]), tuple((str(key), str(secret)) for key, secret in secrets["keys"]))
    wanted = _told(lambda: engine(parsed.engine).host_files(parsed, told))
    files = asdict(wanted)
    del files["program"]
    if wanted.program:
        library = backup_program(wanted.program.folder, wanted.program.source)
        files["directories"] += library["directories"]
        files["files"] += [*library["files"], _launcher(wanted.program)]
    return files


def _launcher(program: Program) -> dict[str, str]:
    module = f"{PACKAGE}.{program.source.removesuffix('.py').replace('/', '.')}"
    return {
        "path": program.launcher,
        "content": LAUNCHER.format(folder=program.folder, module=module),
        "mode": "0755",
    }


def backup_commands(settings: Mapping[str, Any]) -> dict[str, Any]:
    parsed = _told(lambda: Settings.parse(_plain(settings)))
    chosen = engine(parsed.engine)
    return {"prepare": chosen.prepare(parsed), "push": chosen.push(parsed), "fetch": chosen.fetch(parsed)}


def backup_program(folder: str, program: str = PROGRAM) -> dict[str, list[dict[str, str]]]:
    """The program's own file and all of the collection that it imports, below `folder` as Python looks for them."""
    below = Path(folder, *PACKAGE.split("."))
    files = [{"path": str(below / name), "content": (SOURCES / name).read_text("utf-8")} for name in _needed(program)]
    return {
        "directories": [{"path": path} for path in sorted({str(Path(f["path"]).parent) for f in files})],
        "files": files,
    }


def _needed(first: str) -> list[str]:
    found: list[str] = []
    waiting = [first]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.append(name)
            waiting += _imported(SOURCES / name)
    return sorted(found)


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(PACKAGE):
            # Either the module itself, or the folder in which the imported names are modules.
            place = "/".join(node.module.split(".")[len(PACKAGE.split(".")) :])
            names = [place] if (SOURCES / f"{place}.py").exists() else [f"{place}/{alias.name}" for alias in node.names]
            yield from (f"{name}.py" for name in names)


def _plain(value: Any) -> Any:
    """Ansible's own containers, which are filled when they are read, as Python's."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, (list, tuple)) else value


def _told(work: Callable[[], T]) -> T:
    try:
        return work()
    except MatriarchError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {
            "backup_packages": backup_packages,
            "backup_encrypts": backup_encrypts,
            "backup_settings": backup_settings,
            "backup_keys": backup_keys,
            "backup_host_files": backup_host_files,
            "backup_commands": backup_commands,
            "backup_program": backup_program,
        }
