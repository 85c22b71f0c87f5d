"""A power switch for the hosts of a lab: who has its key may turn a host off, and is told when it is.

It stands on this machine, at the lab's own address; the hosts have a command that speaks to it, as they would to a
management controller.
"""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

from faults.arena import Arena

COMMAND = "/usr/local/sbin/power-off"
KEY = "/etc/power-switch.key"
PROGRAM = """#!/usr/bin/python3
# power-off URL HOST: ends with 0 when the switch says that the host has no power. The key is no argument.
import sys, urllib.request
url, host = sys.argv[1:]
key = open("{key}").read()
request = urllib.request.Request(url + "/" + host, data=b"", headers={{"Authorization": key}})
sys.exit(urllib.request.urlopen(request).status != 200)
"""
Mood = Literal["works", "refuses", "hangs"]
LONGEST_HANG = 60.0  # seconds


@dataclass
class PowerSwitch:
    """`asked`: the hosts that it was to turn off, in order. `mood`: how it takes the next order. `port`: 0 for any."""

    arena: Arena
    mood: Mood = "works"
    port: int = 0
    asked: list[str] = field(default_factory=list)
    key: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)

    def __post_init__(self) -> None:
        network, _dot, _host = self.arena.cluster.postgres[0].address.rpartition(".")
        self._closed = threading.Event()
        self._server = ThreadingHTTPServer((f"{network}.1", self.port), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def command(self) -> list[str]:
        """As the hosts run it."""
        return [COMMAND, f"http://{self._server.server_address[0]!s}:{self._server.server_port}"]

    def install(self) -> None:
        """On every host, the key where only root reads it."""
        for name in self.arena.names:
            self.arena.shell(name, f"umask 077 && printf %s {self.key} > {KEY}")
            self.arena.shell(name, f"cat > {COMMAND} <<'EOF'\n{PROGRAM.format(key=KEY)}EOF\nchmod 0755 {COMMAND}")

    def close(self) -> None:
        self._closed.set()
        self._server.shutdown()
        self._server.server_close()

    def turn_off(self, host: str) -> int:
        """The HTTP status that tells how it went."""
        self.asked.append(host)
        mood = self.mood  # a later one is not for this order
        if mood == "hangs":
            self._closed.wait(LONGEST_HANG)
        if mood != "works":
            return 503
        self.arena.lab.power_cut(host)
        return 200 if self.arena.lab.state(host) == "off" else 500

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        switch = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                known = secrets.compare_digest(self.headers.get("Authorization") or "", switch.key)
                self.send_response(switch.turn_off(self.path.strip("/")) if known else 403)
                self.end_headers()

            def log_message(self, *_args: object) -> None:
                """Say nothing."""

        return Handler


def wait_for_order(switch: PowerSwitch, seconds: float) -> bool:
    """Whether it is asked for anything within that time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not switch.asked:
        time.sleep(0.1)
    return bool(switch.asked)
