# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options by which a module reaches Patroni or etcd, and the connections made of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.etcd import EtcdClient
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.json_http import JsonHttp
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.patroni import PatroniClient
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError

CONNECTION: dict[str, dict[str, Any]] = {
    "urls": {"type": "list", "elements": "str", "required": True},
    "ca_file": {"type": "path"},
    "client_cert": {"type": "path"},
    "client_key": {"type": "path", "no_log": False},
    "timeout": {"type": "float", "default": 5.0},
}

CONNECTION_REQUIRED_BY = {"client_key": ["client_cert"]}

WAITING: dict[str, dict[str, Any]] = {"wait_timeout": {"type": "float", "default": 60.0}}


def connections(params: Mapping[str, Any]) -> list[JsonHttp]:
    """One connection for each of the module's `urls`, in their order, each url once."""
    urls = list(dict.fromkeys(url.rstrip("/") for url in params["urls"]))
    if not urls:
        raise MatriarchError("'urls' is empty: give the addresses to ask, like https://pg1:8008")
    if params["timeout"] <= 0:
        raise MatriarchError(f"'timeout' is {params['timeout']:g}: it must be more than 0 seconds")
    options = {key: params[key] for key in ("ca_file", "client_cert", "client_key", "timeout")}
    return [JsonHttp(url, **options) for url in urls]


def patroni_clients(params: Mapping[str, Any]) -> list[PatroniClient]:
    """A Patroni client for each of the module's `urls`."""
    return [PatroniClient(http) for http in connections(params)]


def etcd_clients(params: Mapping[str, Any]) -> list[EtcdClient]:
    """An etcd client for each of the module's `urls`."""
    return [EtcdClient(http) for http in connections(params)]
