# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of every module that asks etcd."""

from __future__ import annotations


class ModuleDocFragment:
    """Which etcd servers to ask."""

    DOCUMENTATION = r"""
options:
  urls:
    description:
      - Addresses at which the etcd members serve clients, like V(https://etcd1:2379). All of them are asked.
      - Members that are registered but not named here are asked at the addresses that they announce.
    type: list
    elements: str
    required: true
"""
