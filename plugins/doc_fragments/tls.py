# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of every module that reaches a server over verified TLS."""

from __future__ import annotations


class ModuleDocFragment:
    """How to reach a server."""

    DOCUMENTATION = r"""
options:
  ca_file:
    description:
      - Path of the PEM file with the certificate authority that signed the servers' certificates.
      - Without it the certificate authorities of the host are trusted. Certificates are always verified.
    type: path
  client_cert:
    description: Path of the PEM file with the client certificate.
    type: path
  client_key:
    description: Path of the PEM file with the client certificate's key, if that is not in O(client_cert).
    type: path
  timeout:
    description: How long to wait for the answer to one request, in seconds.
    type: float
    default: 5.0
"""
