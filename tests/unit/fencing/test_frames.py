# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said in the name of a host that is not there. The frames of others are written down byte by byte."""

from __future__ import annotations

import socket
import struct

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.fencing.frames import Absent, checksum

OURS, CLIENT, DEAD = bytes.fromhex("02aa00000001"), bytes.fromhex("02bb00000002"), bytes.fromhex("02cc00000003")
ADDRESS, SENDER, OTHER = (socket.inet_aton(text) for text in ("10.0.0.1", "10.0.0.9", "10.0.0.7"))
ABSENT = Absent(ADDRESS, OURS)
SYN, ACK, RST, FIN, PUSH = 2, 16, 4, 1, 8


def arp(operation, hardware, sender, target, to=b"\xff" * 6):
    fields = bytes.fromhex("0001080006040000")[:-2] + struct.pack("!H", operation)
    # A real frame is filled up to 60 bytes.
    return to + hardware + b"\x08\x06" + fields + hardware + sender + bytes(6) + target + bytes(18)


def tcp(flags, payload=b"", target=ADDRESS, sequence=1000, acknowledged=7000, options=b"", protocol=6, fragment=0x4000):
    segment = struct.pack(
        "!HHIIBBHHH", 40000, 5432, sequence, acknowledged, (20 + len(options)) << 2, flags, 1024, 0, 0
    )
    segment += options + payload
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(segment), 1, fragment, 64, protocol, 0, SENDER, target)
    return OURS + CLIENT + b"\x08\x00" + head + segment


def read(frame):
    """Addresses, ports, sequence number, what is acknowledged, and flags of a reset whose checksums are right."""
    packet = frame[14:]
    assert checksum(packet[:20]) == 0
    assert checksum(packet[12:20] + struct.pack("!HH", 6, 20) + packet[20:]) == 0
    assert (frame[:6], frame[6:12], len(packet)) == (CLIENT, OURS, 40)
    assert (packet[12:16], packet[16:20]) == (ADDRESS, SENDER)
    source, target, sequence, acknowledged, _offset, flags = struct.unpack("!HHIIBB", packet[20:34])
    assert (source, target) == (5432, 40000)
    return sequence, acknowledged, flags


def test_a_checksum_that_is_known():
    assert checksum(bytes.fromhex("45000073000040004011b861c0a80001c0a800c7")) == 0


def test_data_is_reset_where_the_sender_expects_the_next_byte():
    assert read(ABSENT.answer(tcp(ACK | PUSH, b"SELECT 1"))) == (7000, 0, RST)


@pytest.mark.parametrize(
    ("frame", "acknowledged"),
    [
        (tcp(SYN, options=bytes(20)), 1001),
        (tcp(SYN, sequence=2**32 - 1), 0),
        (tcp(FIN, b"bye"), 1004),
    ],
)
def test_a_connection_is_refused(frame, acknowledged):
    assert read(ABSENT.answer(frame)) == (0, acknowledged, RST | ACK)


@pytest.mark.parametrize(
    "frame",
    [
        tcp(RST),
        tcp(RST | ACK),
        tcp(SYN, target=OTHER),
        tcp(SYN, protocol=17),
        tcp(ACK, b"half", fragment=0x2000),
        tcp(ACK, b"half", fragment=0x0010),
        tcp(SYN)[:50],
        tcp(ACK, b"cut off")[:-1],
        b"",
        arp(1, CLIENT, SENDER, OTHER),
        arp(2, CLIENT, SENDER, ADDRESS),
        arp(1, CLIENT, SENDER, ADDRESS)[:40],
    ],
)
def test_nothing_else_is_answered(frame):
    assert ABSENT.answer(frame) == b""
    assert ABSENT.returned(frame) == b""


def test_who_asks_for_the_address_is_told():
    assert ABSENT.answer(arp(1, CLIENT, SENDER, ADDRESS))[:42] == (
        CLIENT + OURS + bytes.fromhex("08060001080006040002") + OURS + ADDRESS + CLIENT + SENDER
    )


def test_everybody_is_told():
    assert ABSENT.announcement() == arp(1, OURS, ADDRESS, ADDRESS)[:42]


@pytest.mark.parametrize(
    "frame",
    [
        arp(1, DEAD, ADDRESS, SENDER),
        arp(2, DEAD, ADDRESS, SENDER, to=OURS),
        arp(1, DEAD, ADDRESS, ADDRESS),
        # It asks whether it may have the address, and would not take it if somebody answered.
        arp(1, DEAD, bytes(4), ADDRESS),
    ],
)
def test_a_host_that_is_back_is_told_to_everybody_and_never_answered(frame):
    assert ABSENT.returned(frame) == arp(1, DEAD, ADDRESS, ADDRESS)[:42]
    assert ABSENT.answer(frame) == b""


def test_what_this_host_says_itself_is_no_return():
    assert ABSENT.returned(ABSENT.announcement()) == b""
