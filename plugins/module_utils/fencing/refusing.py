# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Speaks for a host without power, so that whoever sends it something is refused at once instead of waiting.

Clients of that host's services do not know that it is gone: they wait for an answer, for minutes if nobody told them
otherwise. For a short while this host takes what is sent to its address, on the link that both are on, and resets it.
Nothing of the kernel is changed for that: it ends with the process, and as soon as a host with that address is heard.
"""

from __future__ import annotations

import ctypes
import json
import select
import socket
import struct
import threading
import time
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Interface

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.command import CommandError, run
from ansible_collections.matriarch.pgcluster.plugins.module_utils.fencing.frames import ARP, HEADER, IPV4, Absent

ANNOUNCE_SECONDS = (0.0, 0.1, 0.5)
"""When it is told to the link; whoever missed it asks."""

SO_ATTACH_FILTER = 26  # asm-generic/socket.h
LARGEST_FRAME = 65536
LOAD_WORD, JUMP_IF_EQUAL, RETURN = 0x20, 0x15, 0x06  # linux/filter.h


def speak_for(address: str, own: str, seconds: float, tell: Callable[[str], None]) -> threading.Event:
    """Refuse what is sent to `address`, for so long at most, while this goes on; `own` is an address of this host.

    The event is set when the host is heard again.
    """
    heard = threading.Event()
    threading.Thread(target=_speak, args=(address, own, seconds, tell, heard), daemon=True).start()
    return heard


def _speak(address: str, own: str, seconds: float, tell: Callable[[str], None], heard: threading.Event) -> None:
    try:
        interface = link_of(address, own)
        if not interface:
            return
        with listener(interface, ARP) as arp, listener(interface, IPV4, address) as packets:
            absent = Absent(IPv4Address(address).packed, arp.getsockname()[4])
            refused = _refuse(absent, arp, packets, seconds, heard)
        tell(f"{address} is {'heard again' if heard.is_set() else 'left alone'}: {refused} packets to it were refused")
    except (CommandError, OSError, ValueError) as error:
        tell(f"nobody speaks for {address}: {error}")


def link_of(address: str, own: str) -> str:
    """The interface by which this host has `address` on its own link; empty where a router is between them."""
    for link in json.loads(run(["ip", "-json", "-4", "address", "show"])):
        for given in link["addr_info"]:
            network = IPv4Interface(f"{given['local']}/{given['prefixlen']}").network
            if given["local"] == own and IPv4Address(address) in network:
                return str(link["ifname"])
    return ""


def _refuse(absent: Absent, arp: socket.socket, packets: socket.socket, seconds: float, heard: threading.Event) -> int:
    """Until the host is heard, or the time is over; how many packets were refused."""
    begun, refused = time.monotonic(), 0
    announce = list(ANNOUNCE_SECONDS)
    while (passed := time.monotonic() - begun) < seconds and not heard.is_set():
        if announce and passed >= announce[0]:
            announce.pop(0)
            arp.send(absent.announcement())
        wait = (announce[0] if announce else seconds) - passed
        for ready in select.select([arp, packets], [], [], max(0.0, wait))[0]:
            frame = ready.recv(LARGEST_FRAME)
            if back := absent.returned(frame):
                arp.send(back)
                heard.set()
            elif answer := absent.answer(frame):
                ready.send(answer)
                refused += ready is packets
    return refused


def listener(interface: str, kind: int, target: str = "") -> socket.socket:
    """Frames of one kind; only those to one address, so that not everything that the host gets passes through here."""
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    if target:
        only_to(made, target)
    made.bind((interface, kind))
    return made


def only_to(made: socket.socket, target: str) -> None:
    """Have the kernel drop all other IPv4 packets (linux/filter.h: struct sock_fprog)."""
    steps = (
        (LOAD_WORD, 0, 0, HEADER + 16),  # the target of the packet
        (JUMP_IF_EQUAL, 0, 1, int(IPv4Address(target))),
        (RETURN, 0, 0, LARGEST_FRAME),
        (RETURN, 0, 0, 0),
    )
    program = b"".join(struct.pack("HBBI", *step) for step in steps)
    kept = ctypes.create_string_buffer(program)
    made.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HP", len(steps), ctypes.addressof(kept)))
