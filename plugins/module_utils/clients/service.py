# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service of systemd that does a piece of work and ends: it goes on when whoever began it dies."""

from __future__ import annotations

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.command import READING, CommandError, complete
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import RemoteError


def begin(name: str) -> None:
    """Have it start, and do not wait for its end; one that runs already goes on. Raises RemoteError."""
    try:
        done = complete(["systemctl", "start", "--no-block", f"{name}.service"], seconds=READING)
    except (CommandError, OSError) as error:
        raise RemoteError(f"starting {name}: {error}", reason=str(error)) from error
    if done.returncode != 0:
        raise RemoteError(f"starting {name}: {done.stderr.strip()}", reason=done.stderr.strip())
