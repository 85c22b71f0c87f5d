"""A cloud's metadata service, as a host of that cloud reaches it, that lends the host its role's keys.

Served are the paths and fields that Amazon's documentation describes under "Use the Instance Metadata Service", both
versions of the protocol. It runs on the host itself, which has the service's address as one of its own.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from testinfra.host import Host

ADDRESS = "169.254.169.254"
UNIT = "cloud-identity"
FOLDER = "/run/cloud-identity"
SERVICE = f"""
import json
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ROLE = "database"

class Metadata(BaseHTTPRequestHandler):
    def do_PUT(self):
        self.answer("token", 200 if self.path == "/latest/api/token" else 404)

    def do_GET(self):
        folder = "/latest/meta-data/iam/security-credentials/"
        if self.path in (folder, folder.rstrip("/")):
            return self.answer(ROLE)
        if self.path != folder + ROLE:
            return self.answer("", 404)
        with open("{FOLDER}/keys") as file:
            keys = json.load(file)
        now = datetime.now(timezone.utc)
        until = (now + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.answer(json.dumps(dict(keys, Code="Success", Type="AWS-HMAC", Token="", Expiration=until,
                                    LastUpdated=now.strftime("%Y-%m-%dT%H:%M:%SZ"))))

    def answer(self, text, code=200):
        self.send_response(code)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

ThreadingHTTPServer(("{ADDRESS}", 80), Metadata).serve_forever()
"""


@contextmanager
def lent(hosts: list[Host], access_key: str, secret_key: str) -> Iterator[None]:
    """These hosts have a role whose keys are these, for as long as it lasts."""
    keys = json.dumps({"AccessKeyId": access_key, "SecretAccessKey": secret_key})
    try:
        for host in hosts:
            host.check_output(f"ip address add {ADDRESS}/32 dev lo && mkdir --mode=0700 {FOLDER}")
            for name, content in (("keys", keys), ("service.py", SERVICE)):
                coded = base64.b64encode(content.encode()).decode()
                host.check_output(f"echo {coded} | base64 --decode > {FOLDER}/{name}")
            host.check_output(f"systemd-run --collect --unit={UNIT} python3 {FOLDER}/service.py")
        yield
    finally:
        for host in hosts:
            with suppress(RuntimeError):  # a host that is off; the next ones are not
                host.run(f"systemctl stop {UNIT}; ip address del {ADDRESS}/32 dev lo; rm -r {FOLDER}")


def asked(host: Host) -> int:
    """How often the host's own programs were given the role's keys."""
    log = host.check_output(f"journalctl --unit={UNIT} --output=cat --grep=security-credentials/database || true")
    return len(log.splitlines())
