# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether anything on a host answers: a connection that is taken, or refused, is a sign of life."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Sequence
from errno import ECONNREFUSED, ECONNRESET, EINPROGRESS

ALIVE = (0, ECONNREFUSED, ECONNRESET)

Place = tuple[str, int]


def answering(places: Sequence[Place], seconds: float) -> set[Place]:
    """Which of these addresses and ports answer in that time. All are asked at once, and who is given twice, twice."""
    found: set[Place] = set()
    links = [(socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK), place) for place in places]
    with selectors.DefaultSelector() as waiting:
        for link, place in links:
            said = link.connect_ex(place)
            if said == EINPROGRESS:
                waiting.register(link, selectors.EVENT_WRITE, (link, place))
            elif said in ALIVE:
                found.add(place)
        end = time.monotonic() + seconds
        while waiting.get_map() and (left := end - time.monotonic()) > 0:
            for key, _events in waiting.select(left):
                link, place = key.data
                waiting.unregister(link)
                if link.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) in ALIVE:
                    found.add(place)
    for link, _place in links:
        link.close()
    return found
