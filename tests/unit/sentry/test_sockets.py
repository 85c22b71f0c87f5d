# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel ends what this host has taken at a port, and nothing else."""

from __future__ import annotations

import os
import socket

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.sentry import sockets

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may")


@pytest.fixture
def server():
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


def connected(server):
    client = socket.create_connection(server.getsockname())
    return client, server.accept()[0]


def test_clients_are_told_and_nobody_is_taken_any_more(server):
    client, taken = connected(server)
    try:
        ended = sockets.end(server.getsockname()[1])
    except OSError as error:
        pytest.skip(f"this kernel does not: {error}")
    if not ended:
        pytest.skip("this kernel does not end sockets")
    assert ended == 2
    with client, taken, pytest.raises(ConnectionResetError):
        client.recv(1)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(server.getsockname(), 5)


def test_another_port_is_left_alone(server):
    client, taken = connected(server)
    with socket.create_server(("127.0.0.1", 0)) as other:
        sockets.end(other.getsockname()[1])
    with client, taken:
        taken.sendall(b"x")
        assert client.recv(1) == b"x"
