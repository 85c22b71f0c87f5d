# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab of throw-away test hosts: systemd-nspawn machines on one bridge, with faults on demand.

>>> from lab import Lab
>>> Lab("demo").power_cut("db1")
"""

from __future__ import annotations

from .errors import LabError
from .lab import Lab

__all__ = ["Lab", "LabError"]
