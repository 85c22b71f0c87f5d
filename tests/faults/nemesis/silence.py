"""What a host that was silent for a while leaves behind in those that went on."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

from faults.arena import NotSo
from faults.nemesis.processes import PowerCut
from faults.wholeness import stays_whole
from integration.operations import WHOLE_SECONDS

PEER_CONNECTIONS = ("ss", "-tinOH", "state", "established", "( sport = :2380 or dport = :2380 )")
RETRANSMISSION = re.compile(r"\brto:(\d+)")
DEAF_MS = 10_000


class PowerCutAfterSilence(PowerCut):
    """The leader's host goes dark soon after another was silent for a minute: the two left have to hear each other.

    They do not while a connection between their etcd is one that the kernel tries again in another minute only. Whether
    the election needs just that one is chance, and so they are looked at, too.
    """

    silent_seconds = 60.0
    deaf: tuple[str, ...] = ()

    def prepare(self) -> None:
        self.arena.lab.freeze(self.standbys[0], vm=True)
        time.sleep(self.silent_seconds)
        self.restore()
        if stays_whole(self.arena, time.monotonic() + WHOLE_SECONDS) is None:
            raise NotSo(f"the cluster was not whole within {WHOLE_SECONDS} s after {self.standbys[0]} had come back")
        told = {name: self.arena.run(name, *PEER_CONNECTIONS) for name in self.arena.names}
        self.deaf = tuple(f"{name}: {line}" for name, lines in told.items() for line in deaf(lines))

    def restore(self) -> None:
        if self.arena.lab.state(self.standbys[0]) == "frozen":
            self.arena.lab.thaw(self.standbys[0])

    def complaints(self) -> Iterator[str]:
        yield from super().complaints()
        for connection in self.deaf:
            yield f"a connection between members of etcd waits long for its next retransmission: {connection}"


def deaf(connections: str) -> list[str]:
    """Those that the kernel tries again in more than DEAF_MS, of what `ss -i` tells in a line each."""
    return [line for line in connections.splitlines() if any(int(ms) > DEAF_MS for ms in RETRANSMISSION.findall(line))]
