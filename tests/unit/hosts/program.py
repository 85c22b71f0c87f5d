"""The programs that roles put on the hosts have no suffix, so they are loaded by hand."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

ROLES = Path(__file__).resolve().parents[3] / "roles"


def load(role: str, program: str) -> ModuleType:
    path = ROLES / role / "files" / program
    module = ModuleType(program.replace("-", "_"))
    code = compile(path.read_text(encoding="utf-8"), str(path), "exec")
    exec(code, module.__dict__)
    return module
