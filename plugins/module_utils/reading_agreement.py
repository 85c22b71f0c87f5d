# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask every member of an etcd what it holds. Reads only."""

from __future__ import annotations

from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import RemoteError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.etcd_agreement import Agreement
from ansible_collections.matriarch.pgcluster.plugins.module_utils.reading import EtcdReading

NO_SUCH_REQUEST = 404


def read_agreement(reading: EtcdReading) -> Agreement | None:
    """What the healthy voters hold up to the last revision that all of them have; None where etcd cannot tell.

    Raises RemoteError when one falls silent, or forgets that revision meanwhile.
    """
    servers = {m.name: reading.client_of(m) for m in reading.state.healthy_voters}
    revision = min((server.storage().revision for server in servers.values()), default=0)
    try:
        return Agreement(revision, {name: server.hash_of_keys(revision) for name, server in servers.items()})
    except RemoteError as error:
        if error.details.get("status") == NO_SUCH_REQUEST:
            return None
        raise
