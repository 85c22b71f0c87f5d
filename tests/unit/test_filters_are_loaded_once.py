# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every playbook begins with has Ansible load the collection's filters before it forks a worker.

Otherwise each worker of each task and host loads them, which made a run of site.yml twice as dear.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible_collections.matriarch.pgcluster.tests.unit.ansible_process import ansible

ROOT = Path(__file__).resolve().parents[2]
PLAYBOOKS = sorted((ROOT / "playbooks").glob("*.yml"))
FILTERS = sorted(path.stem for path in (ROOT / "plugins/filter").glob("*.py"))
PLAYBOOK = f"""
- ansible.builtin.import_playbook: {ROOT}/playbooks/parts/choose.yml
- hosts: all
  gather_facts: false
  tasks: [{{ansible.builtin.meta: noop}}]
"""
# Callbacks run in the process that forks.
CALLBACK = """
import sys
from ansible.plugins.callback import CallbackBase
class CallbackModule(CallbackBase):
    CALLBACK_NAME = "loaded"
    def v2_playbook_on_stats(self, stats):
        start = "ansible_collections.matriarch.pgcluster.plugins.filter."
        print("loaded", *(name.removeprefix(start) for name in sys.modules if name.startswith(start)))
"""


def test_the_process_that_forks_has_them(tmp_path):
    (tmp_path / "run.yml").write_text(PLAYBOOK)
    (tmp_path / "loaded.py").write_text(CALLBACK)
    done = ansible("playbook", "--inventory", "localhost,", str(tmp_path / "run.yml"), folder=tmp_path)
    told = next((line for line in done.stdout.splitlines() if line.startswith("loaded")), done.stdout + done.stderr)
    assert set(FILTERS) <= set(told.split())


@pytest.mark.parametrize("playbook", PLAYBOOKS, ids=lambda path: path.stem)
def test_every_playbook_begins_so(playbook):
    first = yaml.safe_load(playbook.read_text())[0]
    assert first.get("ansible.builtin.import_playbook") == "parts/choose.yml"
