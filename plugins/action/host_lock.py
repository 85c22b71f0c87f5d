# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tell the module host_lock which run of Ansible this is, as the one of operation_lock is told."""

from __future__ import annotations

from ansible_collections.matriarch.pgcluster.plugins.action import operation_lock


class ActionModule(operation_lock.ActionModule):
    """The action host_lock."""

    MODULE = "matriarch.pgcluster.host_lock"
