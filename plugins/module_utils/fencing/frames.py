# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ethernet frames with which a host that lives refuses what is sent to one that does not. Pure.

RFC 826 (ARP), RFC 5227 (probes and announcements of addresses), RFC 9293, 3.5.2 (resets).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

ARP, IPV4 = 0x0806, 0x0800
REQUEST, REPLY = 1, 2
TCP = 6
FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10
EVERYBODY = b"\xff" * 6
NOBODY = bytes(4)  # the sender of a probe: somebody who is about to take an address
ETHERNET, ARP_FIELDS = struct.Struct("!6s6sH"), struct.Struct("!HHBBH6s4s6s4s")
IP_FIELDS, TCP_FIELDS = struct.Struct("!BBHHHBBH4s4s"), struct.Struct("!HHIIBBHHH")
DONT_FRAGMENT, HOPS = 0x4000, 64
HEADER = ETHERNET.size


@dataclass(frozen=True)
class Absent:
    """The address (4 bytes) of a host that is not there, and the hardware address (6 bytes) that speaks for it."""

    address: bytes
    hardware: bytes

    def announcement(self) -> bytes:
        """Tells everybody on the link who is to get what is sent to the address."""
        return _arp(REQUEST, self.hardware, self.address, EVERYBODY, bytes(6), self.address)

    def returned(self, frame: bytes) -> bytes:
        """An announcement in the name of a host that has the address again, as this frame shows; empty otherwise.

        Who only asks whether the address is free counts as well, and is told nothing: it may have it.
        """
        fields = _arp_fields(frame)
        if fields is None:
            return b""
        _operation, hardware, sender, _to, target = fields
        takes = sender == self.address or (sender == NOBODY and target == self.address)
        if hardware == self.hardware or not takes:
            return b""
        return _arp(REQUEST, hardware, self.address, EVERYBODY, bytes(6), self.address)

    def answer(self, frame: bytes) -> bytes:
        """What to send for this frame: where the address is, or that nobody listens there; empty for nothing."""
        fields = _arp_fields(frame)
        if fields is not None:
            operation, hardware, sender, _to, target = fields
            if operation != REQUEST or target != self.address or sender in (NOBODY, self.address):
                return b""
            return _arp(REPLY, self.hardware, self.address, hardware, hardware, sender)
        return self._refusal(frame)

    def _refusal(self, frame: bytes) -> bytes:
        """A reset for a TCP segment, unless it is one itself."""
        if len(frame) < HEADER + IP_FIELDS.size + TCP_FIELDS.size or frame[12:14] != IPV4.to_bytes(2, "big"):
            return b""
        _to, source, _kind = ETHERNET.unpack_from(frame)
        version, _tos, length, _id, fragment, _hops, protocol, _sum, sender, target = IP_FIELDS.unpack_from(
            frame, HEADER
        )
        size = 4 * (version & 15)
        begin, end = HEADER + size, HEADER + length
        is_whole = not fragment & 0x3FFF and end <= len(frame) and begin + TCP_FIELDS.size <= end
        if protocol != TCP or target != self.address or not is_whole:
            return b""
        theirs, ours, sequence, acknowledged, offset, flags, *_rest = TCP_FIELDS.unpack_from(frame, begin)
        if flags & RST:
            return b""
        taken = end - begin - 4 * (offset >> 4) + bool(flags & SYN) + bool(flags & FIN)
        reset = (acknowledged, 0, RST) if flags & ACK else (0, (sequence + taken) % 2**32, RST | ACK)
        segment = _segment(self.address, sender, ours, theirs, *reset)
        return ETHERNET.pack(source, self.hardware, IPV4) + _packet(self.address, sender, segment)


def checksum(data: bytes) -> int:
    """The one of RFC 1071, of a whole number of 16-bit words."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _arp(operation: int, sender_hardware: bytes, sender: bytes, to: bytes, hardware: bytes, target: bytes) -> bytes:
    fields = ARP_FIELDS.pack(1, IPV4, 6, 4, operation, sender_hardware, sender, hardware, target)
    return ETHERNET.pack(to, sender_hardware, ARP) + fields


def _arp_fields(frame: bytes) -> tuple[int, bytes, bytes, bytes, bytes] | None:
    if len(frame) < HEADER + ARP_FIELDS.size or frame[12:14] != ARP.to_bytes(2, "big"):
        return None
    kind, protocol, _size, _length, *fields = ARP_FIELDS.unpack_from(frame, HEADER)
    operation, hardware, sender, to, target = fields
    return (operation, hardware, sender, to, target) if (kind, protocol) == (1, IPV4) else None


def _segment(source: bytes, target: bytes, *fields: int) -> bytes:
    """A segment without data: ports, sequence number, what is acknowledged, flags."""
    ours, theirs, sequence, acknowledged, flags = fields
    bare = TCP_FIELDS.pack(ours, theirs, sequence, acknowledged, 5 << 4, flags, 0, 0, 0)
    total = checksum(source + target + struct.pack("!HH", TCP, len(bare)) + bare)
    return bare[:16] + struct.pack("!H", total) + bare[18:]


def _packet(source: bytes, target: bytes, segment: bytes) -> bytes:
    length = IP_FIELDS.size + len(segment)
    bare = IP_FIELDS.pack(0x45, 0, length, 0, DONT_FRAGMENT, HOPS, TCP, 0, source, target)
    return bare[:10] + struct.pack("!H", checksum(bare)) + bare[12:] + segment
