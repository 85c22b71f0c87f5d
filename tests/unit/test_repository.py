# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must not be committed, and what must be said about what is."""

from __future__ import annotations

import functools
import re
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
# In pieces, so that this file does not find itself.
FORBIDDEN = {
    "a private key": "-----BEGIN [A-Z ]*PRIVATE" + " KEY-----",
    "a path of a development machine": "/wor" + r"k/|/bash_" + "jobs|/root/" + r"\.pyenv",
    "a password in clear text": r"(?i)\bpassword: +['\"]?[a-z0-9]{8,}['\"]?$",
}
# What reads like a password and is a word of a configuration.
HARMLESS = ("required", "password: scram")
INVENTORIES = sorted(path for path in (ROOT / "inventories").iterdir() if path.is_dir())
MODULES = sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("[a-z]*.py"))
FILTERS = sorted(path.stem for path in (ROOT / "plugins" / "filter").glob("*.yml"))


@functools.cache
def committed() -> dict[str, str]:
    """Every text that is, or is about to be, in git."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    names = [name for name in listed.split("\0") if name and (ROOT / name).is_file()]
    return {name: (ROOT / name).read_text(encoding="utf-8", errors="replace") for name in names}


@pytest.mark.parametrize("pattern", FORBIDDEN.values(), ids=FORBIDDEN.keys())
def test_nothing_private_is_committed(pattern):
    found = [
        f"{name}: {line.strip()}"
        for name, text in committed().items()
        for line in text.splitlines()
        if re.search(pattern, line) and not any(word in line for word in HARMLESS)
    ]
    assert found == []


def test_generated_secrets_are_ignored_by_git():
    places = ["inventories/lab/.secrets/ca/ca.key", "molecule/default/.secrets/main/admin_password"]
    ignored = subprocess.run(["git", "check-ignore", *places], cwd=ROOT, check=False, capture_output=True, text=True)
    assert ignored.stdout.split() == places


@pytest.mark.parametrize("inventory", INVENTORIES, ids=lambda path: path.name)
def test_every_inventory_names_the_three_groups(inventory):
    groups = yaml.safe_load((inventory / "hosts.yml").read_text(encoding="utf-8"))["all"]["children"]
    assert {"etcd", "postgres", "proxy"} <= set(all_groups(groups))


def all_groups(groups):
    for name, group in (groups or {}).items():
        yield name
        yield from all_groups((group or {}).get("children"))


@pytest.mark.parametrize("plugin", [*MODULES, *FILTERS])
def test_the_readme_names_every_module_and_filter(plugin):
    assert f"`{plugin}`" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_versions_agree():
    """The collections that we test with satisfy what galaxy.yml promises."""
    promised = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))["dependencies"]
    tested = yaml.safe_load((ROOT / "requirements.yml").read_text(encoding="utf-8"))["collections"]
    assert {collection["name"] for collection in tested} == set(promised)
    for collection in tested:
        assert version(collection["version"]) >= version(promised[collection["name"]].removeprefix(">="))


def version(text):
    return tuple(int(number) for number in text.split("."))
