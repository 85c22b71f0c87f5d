# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write down how long every task of a run took, as JSON into the file that $MATRIARCH_BENCH_TASKS names."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: measure
type: aggregate
short_description: Write down how long every task took
description:
  - One entry a task that ran on some host, with its name, its action and its seconds.
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "measure"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self.tasks: list[dict[str, Any]] = []
        self.started = 0.0

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        self._close()
        self.tasks.append({"name": task.get_name(), "action": task.resolved_action or task.action, "hosts": 0})

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        self.v2_playbook_on_task_start(task, False)

    def v2_runner_on_ok(self, result: Any) -> None:
        self.tasks[-1]["hosts"] += 1

    def v2_playbook_on_stats(self, stats: Any) -> None:
        self._close()
        Path(os.environ["MATRIARCH_BENCH_TASKS"]).write_text(json.dumps(self.tasks), encoding="utf-8")

    def _close(self) -> None:
        """The task that ran until now ends here."""
        now = time.monotonic()
        if self.tasks:
            self.tasks[-1]["seconds"] = now - self.started
        self.started = now
