# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.json_http import JsonHttp
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import RemoteError
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.server import FakeServer, Reply


def make_certificate(folder: Path, name: str, issuer: str = "", subject_alt_name: str = "") -> None:
    """A certificate authority without `issuer`, a host's certificate with it."""
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]
    command += ["-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.crt"]
    if issuer:
        command += ["-CA", f"{issuer}.crt", "-CAkey", f"{issuer}.key", "-addext", "basicConstraints=critical,CA:FALSE"]
        command += ["-addext", f"subjectAltName={subject_alt_name}"]
    else:
        command += ["-addext", "keyUsage=critical,keyCertSign,cRLSign"]  # Python 3.13 insists on it
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two authorities; a host with the address of loopback, and one with another name, of the first."""
    folder = tmp_path_factory.mktemp("pki")
    make_certificate(folder, "ca")
    make_certificate(folder, "other-ca")
    make_certificate(folder, "host", "ca", "IP:127.0.0.1")
    make_certificate(folder, "stranger", "ca", "DNS:stranger")
    return folder


def serve(pki: Path, certificate: str) -> FakeServer:
    """A server that wants a client certificate of the authority."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pki / f"{certificate}.crt", pki / f"{certificate}.key")
    tls.load_verify_locations(pki / "ca.crt")
    tls.verify_mode = ssl.CERT_REQUIRED
    return FakeServer(lambda _call: Reply({"fine": True}), tls)


@pytest.fixture
def server(pki: Path) -> Iterator[FakeServer]:
    fake = serve(pki, "host")
    yield fake
    fake.stop()


def client_of(pki: Path, url: str, ca: str = "ca", certificate: str = "host") -> JsonHttp:
    paths = {"client_cert": str(pki / f"{certificate}.crt"), "client_key": str(pki / f"{certificate}.key")}
    return JsonHttp(url, ca_file=str(pki / f"{ca}.crt"), timeout=3, **(paths if certificate else {}))


def test_both_sides_show_certificates_of_the_authority(pki: Path, server: FakeServer) -> None:
    assert client_of(pki, server.url).request("GET", "/x") == {"fine": True}


def test_a_server_of_another_authority_is_refused(pki: Path, server: FakeServer) -> None:
    with pytest.raises(RemoteError, match="the server's certificate is not trusted: "):
        client_of(pki, server.url, ca="other-ca").request("GET", "/x")
    assert server.calls == []


def test_a_server_with_another_name_is_refused(pki: Path) -> None:
    stranger = serve(pki, "stranger")
    try:
        with pytest.raises(RemoteError, match=r"certificate is not trusted: IP address mismatch"):
            client_of(pki, stranger.url).request("GET", "/x")
        assert stranger.calls == []
    finally:
        stranger.stop()


def test_a_server_that_wants_a_certificate_gets_none_and_says_so(pki: Path, server: FakeServer) -> None:
    with pytest.raises(RemoteError, match=r"certificate|reset|closed|EOF"):
        client_of(pki, server.url, certificate="").request("GET", "/x")
    assert server.calls == []
