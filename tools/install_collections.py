"""Install the collections of a requirements.yml from PyPI: `install_collections.py requirements.yml DIRECTORY`.

PyPI's `ansible` package bundles them. One wheel is faster than Galaxy, can be mirrored as any other wheel is, and
works where Galaxy cannot be reached. The bundle has to hold exactly the versions that requirements.yml asks for, so
that both ways give the same result.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import yaml

BUNDLE = "14.5.0"


def download(directory: Path) -> Path:
    """The bundle's wheel; its own lower limit for Python does not bind the few collections that we take out of it."""
    pip = [sys.executable, "-m", "pip", "download", "-qq", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*pip, "--ignore-requires-python", "--dest", directory, f"ansible=={BUNDLE}"], check=True)
    return next(directory.glob("ansible-*.whl"))


def bundled_version(wheel: zipfile.ZipFile, folder: str) -> str:
    manifest = json.loads(wheel.read(f"{folder}MANIFEST.json"))
    return str(manifest["collection_info"]["version"])


def install(wheel: zipfile.ZipFile, name: str, version: str, target: Path) -> None:
    """Replace one collection below `target`/ansible_collections."""
    folder = f"ansible_collections/{name.replace('.', '/')}/"
    found = bundled_version(wheel, folder)
    if found != version:
        sys.exit(f"setup: requirements.yml asks for {name} {version}, the ansible {BUNDLE} bundle holds {found}")
    shutil.rmtree(target / folder, ignore_errors=True)
    wheel.extractall(target, [entry for entry in wheel.namelist() if entry.startswith(folder)])
    print(f"setup: {name} {version}")


def main(requirements: str, target: str) -> None:
    wanted = yaml.safe_load(Path(requirements).read_text())["collections"]
    with tempfile.TemporaryDirectory() as scratch, zipfile.ZipFile(download(Path(scratch))) as wheel:
        for collection in wanted:
            install(wheel, collection["name"], str(collection["version"]), Path(target))


if __name__ == "__main__":
    main(*sys.argv[1:])
