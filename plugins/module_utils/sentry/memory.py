# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A process that stays in memory, whatever its disks do."""

from __future__ import annotations

import ctypes
import os

MCL_CURRENT, MCL_FUTURE = 1, 2


def stay() -> str:
    """Have all pages of this process kept in memory, now and later; empty, or why the kernel does not."""
    libc = ctypes.CDLL(None, use_errno=True)
    return os.strerror(ctypes.get_errno()) if libc.mlockall(MCL_CURRENT | MCL_FUTURE) else ""
