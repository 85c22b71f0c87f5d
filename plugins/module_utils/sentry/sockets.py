# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of sockets whose process cannot end: its clients would wait for an answer that cannot come.

A socket is closed when its last process ends, and one that waits for a disk does not end. Until then the kernel answers
keepalives in its place, and takes connections. Linux lets root end it (sock_diag(7), SOCK_DESTROY, with
CONFIG_INET_DIAG_DESTROY): the client is told at once, and connects again, elsewhere.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY, SOCK_DESTROY = 20, 21
NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP = 0x1, 0x4, 0x300
NLMSG_ERROR, NLMSG_DONE = 2, 3
HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port
WANTED = struct.Struct("=BBBBI")  # family, protocol, extensions, nothing, states; then the socket's identity
FOUND = 4  # bytes before the identity in what comes back
IDENTITY = 48
NOBODY = b"\0" * IDENTITY
ANY_STATE = 0xFFFFFFFF
SECONDS = 1.0
LARGEST = 65536


def end(port: int) -> int:
    """End whatever listens at that port of this host, or was taken there; how many. Raises OSError."""
    ended = 0
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as kernel:
        kernel.settimeout(SECONDS)
        for family in (socket.AF_INET, socket.AF_INET6):
            for identity in list(_taken(kernel, family, port)):
                kernel.send(_message(SOCK_DESTROY, NLM_F_ACK, family, identity))
                ended += _error(kernel.recv(LARGEST)) == 0
    return ended


def _taken(kernel: socket.socket, family: int, port: int) -> Iterator[bytes]:
    """The identities of the sockets at a port, whose number comes first in each."""
    kernel.send(_message(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, family, NOBODY))
    while True:
        for kind, body in _messages(kernel.recv(LARGEST)):
            if kind in (NLMSG_DONE, NLMSG_ERROR):
                return
            identity = body[FOUND : FOUND + IDENTITY]
            if int.from_bytes(identity[:2], "big") == port:
                yield identity


def _message(kind: int, flags: int, family: int, identity: bytes) -> bytes:
    body = WANTED.pack(family, socket.IPPROTO_TCP, 0, 0, ANY_STATE) + identity
    return HEADER.pack(HEADER.size + len(body), kind, NLM_F_REQUEST | flags, 1, 0) + body


def _messages(said: bytes) -> Iterator[tuple[int, bytes]]:
    while len(said) >= HEADER.size:
        length, kind, _flags, _sequence, _port = HEADER.unpack_from(said)
        yield kind, said[HEADER.size : length]
        said = said[(length + 3) & ~3 :]


def _error(said: bytes) -> int:
    kind, body = next(_messages(said))
    return int(struct.unpack_from("=i", body)[0]) if kind == NLMSG_ERROR else -1
