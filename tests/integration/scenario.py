"""The hosts of the Molecule scenario that runs."""

from __future__ import annotations

import os

import pytest
from lab import Lab


@pytest.fixture(scope="session")
def lab() -> Lab:
    return Lab(os.environ["MOLECULE_SCENARIO_NAME"])
