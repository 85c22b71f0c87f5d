#!/usr/bin/env python
"""Ansible inventory: how the hosts of the running scenario are reached, as the lab tells it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

LAB = Path(__file__).resolve().parents[2] / "tests" / "lab"


def reached(lab: str) -> dict[str, dict[str, str]]:
    """Host variables by host; none before the lab is up."""
    command = [sys.executable, str(LAB), "--lab", lab, "inventory", "--format", "json"]
    answer = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return {name: host["ansible"] for name, host in answer.items()}


hosts = reached(os.environ["MOLECULE_SCENARIO_NAME"])
print(json.dumps({"_meta": {"hostvars": hosts}, "all": {"hosts": list(hosts)}}))
