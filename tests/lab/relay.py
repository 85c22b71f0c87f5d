# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A program of its own, run by delay.py: carries frames between a port and a tap, late."""

from __future__ import annotations

import ctypes
import fcntl
import os
import select
import socket
import struct
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial

ETH_P_ALL = 0x0003
SIOCETHTOOL = 0x8946
TUNSETIFF = 0x400454CA
TAP_WITHOUT_HEADER = 0x1002  # IFF_TAP | IFF_NO_PI
# linux/ethtool.h: ETHTOOL_STXCSUM, SRXCSUM, STSO, SGSO, SGRO
OFFLOADS = (0x17, 0x15, 0x1F, 0x24, 0x2C)
FRAME = 65535  # bytes
BATCH = 256  # frames taken from one side before the other gets its turn

Send = Callable[[bytes], int]


def offload_off(device: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for offload in OFFLOADS:
            value = ctypes.create_string_buffer(struct.pack("II", offload, 0))
            try:
                fcntl.ioctl(control, SIOCETHTOOL, struct.pack("16sP8x", device.encode(), ctypes.addressof(value)))
            except OSError:  # the device has no such offload
                continue


def carry(port: str, tap: str, delay: float) -> None:
    """Forward until one of the two is gone; `delay` in seconds."""
    tap_file = _open_tap(tap)
    port_socket = _open_port(port)
    queue: deque[tuple[float, Send, bytes]] = deque()
    while True:
        _send_due(queue)
        pause = max(0.0, queue[0][0] - time.monotonic()) if queue else None
        ready = select.select([tap_file, port_socket.fileno()], [], [], pause)[0]
        due = time.monotonic() + delay
        if tap_file in ready:
            queue.extend((due, port_socket.send, frame) for frame in _frames_of_tap(tap_file))
        if port_socket.fileno() in ready:
            queue.extend((due, partial(os.write, tap_file), frame) for frame in _frames_of_port(port_socket))


def _send_due(queue: deque[tuple[float, Send, bytes]]) -> None:
    while queue and queue[0][0] <= time.monotonic():
        _due, send, frame = queue.popleft()
        try:
            send(frame)
        except OSError:  # as on a wire: a frame that does not fit is lost
            continue


def _open_tap(name: str) -> int:
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", name.encode(), TAP_WITHOUT_HEADER))
    return tap


def _open_port(name: str) -> socket.socket:
    port = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    port.bind((name, 0))
    port.setblocking(False)
    port.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    return port


def _frames_of_tap(tap: int) -> Iterator[bytes]:
    for _frame in range(BATCH):
        try:
            yield os.read(tap, FRAME)
        except BlockingIOError:
            return


def _frames_of_port(port: socket.socket) -> Iterator[bytes]:
    for _frame in range(BATCH):
        try:
            frame, origin = port.recvfrom(FRAME)
        except BlockingIOError:
            return
        if origin[2] != socket.PACKET_OUTGOING:  # not what we sent ourselves
            yield frame


if __name__ == "__main__":
    verb, *words = sys.argv[1:]
    if verb == "offload-off":
        offload_off(words[0])
    else:
        carry(words[0], words[1], float(words[2]))
