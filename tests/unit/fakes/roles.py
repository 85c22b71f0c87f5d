# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A variable that a role computes, from what a run would know."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

ROLES = Path(__file__).resolve().parents[3] / "roles"


def role_variable(role: str, name: str, known: Mapping[str, Any]) -> Any:
    """The value of `name`, as Ansible computes it. What is `known` counts more than the role's own variables."""
    loader = DataLoader()
    variables: dict[str, Any] = {}
    for path in sorted((ROLES / role / "vars").glob("**/*.yml")):
        variables |= loader.load_from_file(str(path), trusted_as_template=True)
    return Templar(loader, variables={**variables, **known}).template(variables[name])
