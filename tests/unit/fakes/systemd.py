# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""systemctl and systemd-run in a directory of their own; a unit that is not inactive is a file there.

The file of a timer that is armed is empty; one that a test makes may have the unit's state in it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

PROGRAM = """#!{python} -S
import json, pathlib, sys
here = pathlib.Path(__file__).parent
name, arguments = pathlib.Path(__file__).name, sys.argv[1:]
with (here / "calls").open("a") as calls:
    calls.write(json.dumps([name, *arguments]) + "\\n")
def state(unit):
    return (unit.read_text() or "active") if unit.exists() else "inactive"
refusal = here / "refuses"
if refusal.exists() and refusal.read_text() == name:
    sys.exit("Failed: Unit is masked.")
if name == "systemd-run":
    (unit,) = (each.removeprefix("--unit=") for each in arguments if each.startswith("--unit="))
    if (here / (unit + ".timer")).exists():
        sys.exit("Failed to start transient timer unit: Unit " + unit + ".timer was already loaded.")
    (here / (unit + ".timer")).touch()
elif arguments[:2] == ["show", "--property=ActiveState"]:
    print("\\n\\n".join("ActiveState=" + state(here / unit) for unit in arguments[2:]))
elif arguments[0] == "stop":
    missing = [each for each in arguments[1:] if not (here / each).exists()]
    for each in arguments[1:]:
        (here / each).unlink(missing_ok=True)
    sys.exit(5 if missing else 0)
"""


class FakeSystemd:
    """Put `path` first in PATH."""

    def __init__(self, path: Path) -> None:
        self.path = path
        for name in ("systemctl", "systemd-run"):
            program = path / name
            program.write_text(PROGRAM.format(python=sys.executable), encoding="utf-8")
            program.chmod(0o755)

    @property
    def armed(self) -> set[str]:
        """The units whose timers run."""
        return {timer.stem for timer in self.path.glob("*.timer")}

    def calls(self, program: str) -> list[list[str]]:
        """The arguments of each call of a program so far."""
        file = self.path / "calls"
        calls = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []
        return [call[1:] for call in calls if call[0] == program]

    def refuse(self, program: str) -> None:
        """From now on that program fails."""
        (self.path / "refuses").write_text(program, encoding="utf-8")
