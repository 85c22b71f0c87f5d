# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one exception of the lab."""

from __future__ import annotations


class LabError(Exception):
    """Says what was asked, of whom, what came back and what to do next."""
