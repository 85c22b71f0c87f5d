# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of every module that asks Patroni."""

from __future__ import annotations


class ModuleDocFragment:
    """Which Patronis to ask."""

    DOCUMENTATION = r"""
options:
  urls:
    description:
      - Addresses of the cluster's Patroni REST interfaces, like V(https://pg1:8008).
      - They are asked in turn until one answers, so that one dead host does not matter.
    type: list
    elements: str
    required: true
"""
