# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is true of every module that only looks."""

from __future__ import annotations


class ModuleDocFragment:
    """Nothing changes, so check mode and a second run are like any other run."""

    DOCUMENTATION = r"""
attributes:
  check_mode:
    description: Reads only, in check mode as well.
    support: full
  diff_mode:
    description: Nothing changes, so there is nothing to show.
    support: none
  idempotent:
    description: When run twice, the second run changes nothing.
    support: full
"""
