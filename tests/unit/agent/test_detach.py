# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from ansible_collections.matriarch.pgcluster.plugins.module_utils.agent import daemon

# A process of its own, for one with threads must not be forked.
SCRIPT = """
import importlib.util, json, os, sys, time
spec = importlib.util.spec_from_file_location("daemon", sys.argv[1])
daemon = importlib.util.module_from_spec(spec)
spec.loader.exec_module(daemon)
here = sys.argv[2]

def work():
    deadline = time.monotonic() + 20
    while not os.path.exists(here + "/go-on") and time.monotonic() < deadline:
        time.sleep(0.005)
    print("nobody hears this", flush=True)
    facts = {"pid": os.getpid(), "session": os.getsid(0), "directory": os.getcwd()}
    with open(here + "/part", "w") as file:
        json.dump(facts, file)
    os.replace(here + "/part", here + "/done")
    if sys.argv[3] == "raises":
        raise RuntimeError("nobody sees this")

print(json.dumps([daemon.detach(work), os.getsid(0)]))
"""


def run(folder: Path, ending: str) -> tuple[int, int, dict[str, object]]:
    """The process id that was told, the caller's session, and what the work found."""
    command = [sys.executable, "-c", SCRIPT, str(daemon.__file__), str(folder), ending]
    # It returns when nobody has these pipes any more, while the work still waits.
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    assert not (folder / "done").exists()
    (folder / "go-on").touch()
    deadline = time.monotonic() + 20
    while not (folder / "done").exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    pid, session = json.loads(done.stdout)
    assert done.stderr == ""
    return pid, session, json.loads((folder / "done").read_text())


def test_the_work_goes_on_when_the_caller_has_ended(tmp_path):
    pid, session, found = run(tmp_path, "ends")
    assert found["pid"] == pid
    assert found["session"] not in (session, pid)  # so it can never get a terminal
    assert found["directory"] == "/"


def test_what_goes_wrong_there_is_not_the_callers_concern(tmp_path):
    assert run(tmp_path, "raises")[2]["directory"] == "/"
