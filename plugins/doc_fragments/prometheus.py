# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of every module that asks Prometheus."""

from __future__ import annotations


class ModuleDocFragment:
    """Which Prometheus to ask, and of which cluster."""

    DOCUMENTATION = r"""
options:
  prometheus:
    description: Where Prometheus answers, as seen from this host.
    type: str
    default: http://127.0.0.1:9090
  ca_file:
    description: The authority of its certificate, where it has one.
    type: path
  cluster:
    description: The cluster's name.
    type: str
    required: true
  step:
    description: How often Prometheus asks its targets, in seconds.
    type: int
    default: 15
"""
