# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a host gets a new certificate, by the role's own variables."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.roles import role_variable

DAY = 86400
SOUND = {
    "present": True,
    "sans": ["DNS:pg1", "IP:10.0.0.1"],
    "issued_by_ca": True,
    "matches_key": True,
    "not_after_epoch": 300 * DAY,
}


def is_wanted(certificate: dict[str, Any] | None) -> bool:
    known = {
        "pgcluster_host": {"certificate": certificate, "ca_fingerprints": ["ca"], "clock_epoch": 0.0},
        "pgcluster_authority_fingerprints": ["ca"],
        "tls_renew_before_days": 60,
        "__tls_subject_alt_names": ["IP:10.0.0.1", "DNS:pg1"],
    }
    return role_variable("tls", "__tls_certificate_wanted", known)


def test_a_sound_one_stays():
    assert is_wanted(SOUND) is False


@pytest.mark.parametrize(
    "certificate",
    [
        {"present": False},
        # It could not be read.
        None,
        {**SOUND, "sans": ["DNS:pg1"]},
        {**SOUND, "issued_by_ca": False},
        {**SOUND, "matches_key": False},
        {**SOUND, "not_after_epoch": 59 * DAY},
    ],
)
def test_one_that_does_not_fit_is_replaced(certificate):
    assert is_wanted(certificate) is True
