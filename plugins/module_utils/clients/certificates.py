# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates of this host, as openssl reads them."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.command import CommandError, run
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import RemoteError

SECONDS_A_DAY = 86400


@dataclass(frozen=True)
class Certificate:
    """The first certificate of a file: whose it is (RFC 2253, so no character of it can confuse) and its end."""

    path: str
    subject: str
    not_after: datetime

    def days_left(self, now: datetime) -> int:
        """Full days until it expires; negative when it has."""
        return int((self.not_after - now).total_seconds() // SECONDS_A_DAY)


def read_certificate(path: str) -> Certificate:
    """The first certificate of a PEM file. Raises RemoteError when there is none."""
    command = ["openssl", "x509", "-noout", "-subject", "-enddate", "-nameopt", "RFC2253", "-in", path]
    try:
        said = dict(line.partition("=")[::2] for line in run(command).splitlines())
        not_after = datetime.fromtimestamp(ssl.cert_time_to_seconds(said["notAfter"]), UTC)
        return Certificate(path, said["subject"], not_after)
    except KeyError as error:
        raise _unreadable(path, f"openssl did not tell its {error}") from error
    except (CommandError, OSError, ValueError) as error:
        raise _unreadable(path, str(error)) from error


def _unreadable(path: str, reason: str) -> RemoteError:
    return RemoteError(f"reading the certificate {path}: {reason}", path=path, reason=reason)
