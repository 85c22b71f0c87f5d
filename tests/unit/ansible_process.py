# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An Ansible of its own, in another process, with this collection and the settings of a folder alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ansible_collections.matriarch.pgcluster.tests.unit.conftest import collections_root


def ansible(command: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """`ansible-COMMAND`; plugins of a playbook's user may lie in *folder*."""
    settings = folder / "ansible.cfg"
    settings.write_text(f"[defaults]\ncollections_path = {collections_root()}\ncallback_plugins = {folder}\n")
    environment = {**os.environ, "ANSIBLE_CONFIG": str(settings)}
    call = [sys.executable, "-c", f"from ansible.cli.{command} import main; main()", *arguments]
    return subprocess.run(call, env=environment, cwd=folder, capture_output=True, text=True, check=False)
