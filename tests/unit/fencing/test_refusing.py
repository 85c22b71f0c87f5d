# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose link an address is on, and what passes the kernel's filter: on this machine's own loopback."""

from __future__ import annotations

import os
import shutil
import socket

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.fencing.frames import IPV4
from ansible_collections.matriarch.pgcluster.plugins.module_utils.fencing.refusing import link_of, listener

ABSENT, OTHER = "127.10.0.1", "127.10.0.2"


@pytest.mark.skipif(shutil.which("ip") is None, reason="there is no iproute2")
@pytest.mark.parametrize(
    ("address", "own", "link"),
    [(ABSENT, "127.0.0.1", "lo"), ("192.0.2.1", "127.0.0.1", ""), (ABSENT, "192.0.2.1", "")],
)
def test_the_link_that_both_are_on(address, own, link):
    assert link_of(address, own) == link


@pytest.mark.skipif(os.geteuid() != 0, reason="only root sees packets")
def test_only_packets_to_the_absent_host_pass():
    with listener("lo", IPV4, ABSENT) as heard, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        heard.settimeout(5)
        for target in (OTHER, ABSENT, OTHER, ABSENT):
            sender.sendto(target.encode(), (target, 9))
        assert [heard.recv(100)[-10:] for _packet in range(2)] == 2 * [ABSENT.encode()]
        heard.settimeout(0.2)
        with pytest.raises(TimeoutError):
            heard.recv(100)
