# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError, Refused


def test_an_error_carries_its_facts_as_data() -> None:
    error = MatriarchError("no", member="pg1", status=412)
    assert (str(error), error.details) == ("no", {"member": "pg1", "status": 412})


def test_a_refusal_says_that_it_is_one() -> None:
    error = Refused("no", member="pg1")
    assert isinstance(error, MatriarchError)
    assert (str(error), error.details) == ("no", {"member": "pg1", "refused": True})
