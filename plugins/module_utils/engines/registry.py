# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engines that there are, by name."""

from __future__ import annotations

from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.barman_cloud.engine import BarmanCloud
from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.engine import Engine
from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.pgbackrest.engine import PgBackRest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError

ENGINES: dict[str, Engine] = {engine.name: engine for engine in (PgBackRest(), BarmanCloud())}


def engine(name: str) -> Engine:
    """The engine of that name. Raises MatriarchError when there is none."""
    if name not in ENGINES:
        raise MatriarchError(f"there is no backup engine {name!r}; there are: {', '.join(ENGINES)}")
    return ENGINES[name]
