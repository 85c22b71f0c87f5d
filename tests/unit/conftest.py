# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make `ansible_collections.matriarch.pgcluster` importable from a checkout at any path, and give the common fixtures.

`ansible-test units` installs its own importer before it reads this file, and then nothing is done here.
"""

from __future__ import annotations

import atexit
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible.utils.collection_loader._collection_finder import _AnsibleCollectionFinder

CHECKOUT = Path(__file__).resolve().parents[2]


def collections_root() -> Path:
    """The directory that holds `ansible_collections`; made with a link in it when the checkout lies elsewhere."""
    if CHECKOUT.parts[-3:] == ("ansible_collections", "matriarch", "pgcluster"):
        return CHECKOUT.parents[2]
    root = Path(tempfile.mkdtemp(prefix="matriarch-collections-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    namespace = root / "ansible_collections" / "matriarch"
    namespace.mkdir(parents=True)
    (namespace / "pgcluster").symlink_to(CHECKOUT)
    return root


def collection_is_importable() -> bool:
    """True under `ansible-test units`, whose own importer already serves this collection."""
    return any(type(finder).__name__.startswith("_AnsibleCollectionFinder") for finder in sys.meta_path)


if not collection_is_importable():
    _AnsibleCollectionFinder(paths=[str(collections_root())])._install()


@pytest.fixture(autouse=True, scope="session")
def no_system_authorities() -> Iterator[None]:
    """Reading the system's certificate authorities takes 30 ms a request, and no test trusts them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", "/dev/null")
        patch.setenv("SSL_CERT_DIR", "/nonexistent")
        yield


RunModule = Callable[..., dict[str, Any]]


@pytest.fixture
def run_module(capfd: pytest.CaptureFixture[str]) -> RunModule:
    """Run a module as Ansible would, and return what it answered."""

    def run(module: ModuleType, *, check_mode: bool = False, **params: Any) -> dict[str, Any]:
        with patch_module_args({**params, "_ansible_check_mode": check_mode}), pytest.raises(SystemExit):
            module.main()
        answer: dict[str, Any] = json.loads(capfd.readouterr().out)
        return answer

    return run
