# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What earlier runs and their services left on this host: data directories, release stamp, certificates, disk space.

All raise OSError, ValueError or CommandError when it cannot be read. Files are looked up below `root` ("/").
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import pwd
import re
import ssl
import struct
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.command import CommandError, run

SHOWN_ENTRIES = 5
"""So many names of a directory are shown to let its owner recognise it."""


def directory(path: Path) -> dict[str, Any]:
    """Whether a directory exists and is empty, its owner, and its first few names. Anything else there is not empty."""
    if not path.is_dir():
        return {"exists": path.exists(), "empty": not path.exists(), "owner": None, "entries": []}
    names = sorted(entry.name for entry in path.iterdir())
    return {"exists": True, "empty": not names, "owner": _owner(path), "entries": names[:SHOWN_ENTRIES]}


def _owner(path: Path) -> str:
    uid = path.stat().st_uid
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def data_directory(root: Path, name: str) -> dict[str, Any]:
    """A PostgreSQL data directory: as `directory`, with its major version and system identifier (text, 64 bits).

    `wal_elsewhere` is where pg_wal leads to, where it is a link.
    """
    path = root / name.lstrip("/")
    version, wal = path / "PG_VERSION", path / "pg_wal"
    return {
        **directory(path),
        "path": name,
        "version": version.read_text(encoding="ascii", errors="replace").strip() if version.is_file() else None,
        "system_identifier": _system_identifier(path / "global/pg_control"),
        "wal_elsewhere": str(wal.readlink()) if wal.is_symlink() else None,
    }


def _system_identifier(control_file: Path) -> str | None:
    """The first eight bytes of pg_control, in the machine's byte order, in every version of PostgreSQL.

    (struct ControlFileData in src/include/catalog/pg_control.h; read here, because pg_controldata of the right
    version need not be installed, and says the same.)
    """
    if not control_file.is_file():
        return None
    with control_file.open("rb") as file:
        start = file.read(8)
    return str(struct.unpack("=Q", start)[0]) if len(start) == 8 else None


def etcd_data_directory(root: Path, name: str) -> dict[str, Any]:
    """An etcd data directory: as `directory`, and whether a member lives in it.

    It does once it has WAL, which etcd begins last: an etcd that founds or joins nothing, because its name is a
    member's already, leaves everything else behind.
    """
    path = root / name.lstrip("/")
    return {**directory(path), "path": name, "has_member": any((path / "member" / "wal").glob("*.wal"))}


def disk(root: Path, name: str) -> dict[str, Any]:
    """Space in MiB of the file system where a path is or, while it does not exist, will be; free for ordinary users."""
    path = root / name.lstrip("/")
    while not path.exists():
        path = path.parent
    status = os.statvfs(path)
    return {
        "free_mb": status.f_bavail * status.f_frsize // 2**20,
        "total_mb": status.f_blocks * status.f_frsize // 2**20,
        "read_only": bool(status.f_flag & os.ST_RDONLY),
    }


def release(root: Path, name: str) -> dict[str, Any] | None:
    """The stamp of the last deployment on this host; None where there was none."""
    path = root / name.lstrip("/")
    if not path.is_file():
        return None
    stamp = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(stamp, dict):
        raise ValueError(f"{name} holds no JSON object")
    return stamp


def scope(root: Path, name: str) -> str | None:
    """The cluster's name in a Patroni configuration. Found as text: a host has no YAML parser before its packages."""
    path = root / name.lstrip("/")
    if not path.is_file():
        return None
    found = re.search(
        r"^scope:[ \t]*[\"']?([^\"'#\s]+)", path.read_text(encoding="utf-8", errors="replace"), re.MULTILINE
    )
    return found.group(1) if found else None


def ca_fingerprints(root: Path, directory_name: str) -> list[str]:
    """SHA-256 (hex) of each certificate in ca.crt, in order: more than one while a CA is being replaced."""
    path = root / directory_name.lstrip("/") / "ca.crt"
    if not path.is_file():
        return []
    text = path.read_text(encoding="ascii", errors="replace")
    bodies = re.findall(r"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", text, re.DOTALL)
    return [hashlib.sha256(base64.b64decode("".join(body.split()), validate=True)).hexdigest() for body in bodies]


def certificate(root: Path, directory_name: str) -> dict[str, Any]:
    """The host's certificate and whether it fits its key and its CA. The key itself is never read by this process."""
    here = root / directory_name.lstrip("/")
    if not (here / "host.crt").is_file():
        return {"present": False}
    text = run(
        ["openssl", "x509", "-in", str(here / "host.crt"), "-noout", "-dates", "-pubkey", "-ext", "subjectAltName"]
    )
    public_key = _public_key(text)
    return {
        "present": True,
        "not_before_epoch": _epoch(text, "notBefore"),
        "not_after_epoch": _epoch(text, "notAfter"),
        "sans": _alternative_names(text),
        "public_key_sha256": hashlib.sha256(public_key.encode()).hexdigest(),
        "matches_key": public_key == _public_key_of(here / "host.key"),
        "issued_by_ca": _verifies(here),
    }


def _public_key(text: str) -> str:
    found = re.search(r"-----BEGIN PUBLIC KEY-----.+?-----END PUBLIC KEY-----", text, re.DOTALL)
    return found.group(0) if found else ""


def _public_key_of(key: Path) -> str | None:
    """None where there is no key, or one that nobody can read: either way it has to be made anew."""
    if not key.is_file():
        return None
    try:
        return _public_key(run(["openssl", "pkey", "-in", str(key), "-pubout"]))
    except CommandError:
        return None


def _verifies(here: Path) -> bool:
    """Whether the CA beside it signed the certificate, expired or not: that it has expired is said by its date."""
    try:
        run(["openssl", "verify", "-no_check_time", "-CAfile", str(here / "ca.crt"), str(here / "host.crt")])
    except CommandError:
        return False
    return True


def _epoch(text: str, field: str) -> int:
    """Seconds since 1970 of a date that openssl prints, such as "Nov 22 02:53:00 2026 GMT"."""
    found = re.search(rf"^{field}=(.+)$", text, re.MULTILINE)
    if found is None:
        raise ValueError(f"openssl printed no {field}")
    return ssl.cert_time_to_seconds(found.group(1))


def _alternative_names(text: str) -> list[str]:
    """Names and addresses as "DNS:db1" and "IP:10.0.0.1"."""
    found = re.search(r"Subject Alternative Name:[^\n]*\n\s*([^\n]+)", text)
    return [_alternative_name(name.strip()) for name in found.group(1).split(",")] if found else []


def _alternative_name(name: str) -> str:
    """One of them. OpenSSL writes an IPv6 address in full and in capitals; here it has its shortest form."""
    kind, _colon, address = name.partition(":")
    return f"IP:{ip_address(address)}" if kind == "IP Address" else name
