# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that sign themselves; their keys are thrown away."""

from __future__ import annotations

import subprocess
from pathlib import Path

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "/dev/null")


def issue(path: Path, subject: str = "/O=matriarch/CN=pg1", days: int = 30) -> str:
    """Write one, and return its path; *subject* in openssl's own notation."""
    wanted = ("-out", str(path), "-subj", subject, "-days", str(days))
    subprocess.run(["openssl", "req", "-x509", "-utf8", *KEY, *wanted], check=True, capture_output=True)
    return str(path)
