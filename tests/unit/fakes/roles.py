# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a role computes or prints, from what a run would know."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

ROLES = Path(__file__).resolve().parents[3] / "roles"


def role_variable(role: str, name: str, known: Mapping[str, Any]) -> Any:
    """The value of `name`, as Ansible computes it. What is `known` counts more than the role's own variables."""
    loader = DataLoader()
    variables: dict[str, Any] = {}
    for path in sorted((ROLES / role / "vars").glob("**/*.yml")):
        variables |= loader.load_from_file(str(path), trusted_as_template=True)
    return Templar(loader, variables={**variables, **known}).template(variables[name])


def role_template(role: str, name: str, known: Mapping[str, Any]) -> list[str]:
    """The lines of a template that says no more than is `known`."""
    text = (ROLES / role / "templates" / name).read_text(encoding="utf-8")
    printed = Templar(DataLoader(), variables={"ansible_managed": "", **known}).template(trust_as_template(text))
    return str(printed).splitlines()
