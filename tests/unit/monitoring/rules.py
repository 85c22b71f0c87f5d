# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role's rules as Prometheus gets them, and promtool to try them with."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jinja2
import yaml

ROOT = Path(__file__).resolve().parents[3]
ROLE = ROOT / "roles" / "monitoring"
PROMTOOL = shutil.which("promtool")
STEP, HOURS = 15, 3
SAMPLES = HOURS * 3600 // STEP


def thresholds() -> dict[str, Any]:
    told = yaml.safe_load((ROLE / "vars" / "main" / "thresholds.yml").read_text(encoding="utf-8"))
    return dict(told["__monitoring_default_thresholds"])


def alerts_text(**changed: Any) -> str:
    """As the role's task renders it."""
    options = {"variable_start_string": "[[", "variable_end_string": "]]", "trim_blocks": True}
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True, **options)  # type: ignore[arg-type]
    template = environment.from_string((ROLE / "templates" / "alerts.yml.j2").read_text(encoding="utf-8"))
    defaults = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text(encoding="utf-8"))
    return template.render(**defaults, __monitoring_thresholds={**thresholds(), **changed})


def alerts() -> dict[str, dict[str, Any]]:
    (group,) = yaml.safe_load(alerts_text())["groups"]
    return {rule["alert"]: rule for rule in group["rules"]}


def series(told: list[str]) -> list[dict[str, str]]:
    """promtool's input: a single number holds to the end; the cluster is main where none is said."""
    found = []
    for line in told:
        name, values = line.rsplit(" ", 1)
        labels = name.partition("{")[2]
        within = "{" + labels if "cluster=" in labels else f'{{cluster="main",{labels}'
        lasting = values if "x" in values else f"{values}x{SAMPLES}"
        found.append({"series": name.partition("{")[0] + within, "values": lasting})
    return found


def promtool(folder: Path, rules: list[dict[str, Any]], tests: list[dict[str, Any]]) -> str:
    """What `promtool test rules` says of these rules; it ends with SUCCESS or with what differs."""
    (folder / "rules.yml").write_text(json.dumps({"groups": [{"name": "tried", "rules": rules}]}), encoding="utf-8")
    told = {"rule_files": ["rules.yml"], "evaluation_interval": f"{STEP}s", "tests": tests}
    (folder / "test.yml").write_text(json.dumps(told), encoding="utf-8")
    assert PROMTOOL is not None
    command = [PROMTOOL, "test", "rules", "test.yml"]
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
    return done.stdout + done.stderr
