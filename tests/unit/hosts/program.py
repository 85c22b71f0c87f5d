"""The programs that roles put on the hosts have no suffix, so they are loaded by hand."""

from __future__ import annotations

import importlib.util
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

ROLES = Path(__file__).resolve().parents[3] / "roles"


def load(role: str, program: str) -> ModuleType:
    path = ROLES / role / "files" / program
    loader = SourceFileLoader(program.replace("-", "_"), str(path))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    # No __pycache__ beside what is copied to hosts.
    code = compile(path.read_text(encoding="utf-8"), str(path), "exec")
    exec(code, module.__dict__)
    return module
