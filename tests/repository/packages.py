# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Debian packages: names, paths and division as in Debian and PGDG, without maintainer scripts."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from lab.shell import run

# What works on the server's data directory; the other programs are the client's.
SERVER_PROGRAMS = frozenset(
    {"initdb", "oid2name", "postgres", "vacuumlo", "pg_archivecleanup", "pg_checksums", "pg_controldata", "pg_ctl"}
    | {"pg_resetwal", "pg_rewind", "pg_test_fsync", "pg_test_timing", "pg_upgrade", "pg_waldump"}
)
# libpq is the distribution's, as in Debian's packages. The rest needs Python, libxslt, or a C compiler to be of use.
LEFT_OUT = (
    "libpq.*",
    "libecpg*",
    "libpgtypes*",
    "ecpg",
    "*.a",
    "pkgconfig",
    "pgxs",
    "*plpython3*",
    "uuid-ossp*",
    "pgxml*",
)
SOCKETS = "/var/run/postgresql"


@dataclass(frozen=True)
class Package:
    name: str
    version: str
    summary: str
    depends: tuple[str, ...]

    def control(self) -> str:
        return (
            f"Package: {self.name}\n"
            f"Version: {self.version}\n"
            f"Architecture: {run('dpkg', '--print-architecture').strip()}\n"
            "Maintainer: The Matriarch authors <matriarch@localhost>\n"
            "Section: database\n"
            "Priority: optional\n"
            f"Depends: {', '.join(self.depends)}\n"
            f"Description: {self.summary}\n"
        )


def make(tree: Path, pool: Path, version: str) -> None:
    """Two packages out of a tree of bin, lib and share; their dependencies have the names that trixie gives them."""
    major = version.partition(".")[0]
    shared = ("libc6 (>= 2.34)", "liblz4-1", "libpq5 (>= 16)", "libzstd1", "zlib1g")
    client = Package(
        name=f"postgresql-client-{major}",
        version=version,
        summary=f"client programs of PostgreSQL {major}, packaged for tests",
        depends=(*shared, "libreadline8t64", "postgresql-client-common"),
    )
    server = Package(
        name=f"postgresql-{major}",
        version=version,
        summary=f"server of PostgreSQL {major}, packaged for tests",
        depends=(
            *(*shared, "libgssapi-krb5-2", "libssl3t64", "libxml2", "tzdata"),
            *(f"{client.name} (= {version})", "postgresql-common", "ssl-cert"),
        ),
    )
    _pack(client, pool, lambda root: _lay_out_client(tree, root, major))
    _pack(server, pool, lambda root: _lay_out_server(tree, root, major))


def _lay_out_client(tree: Path, root: Path, major: str) -> None:
    _copy(tree / "bin", root / "usr/lib/postgresql" / major / "bin", SERVER_PROGRAMS)


def _lay_out_server(tree: Path, root: Path, major: str) -> None:
    home, share = root / "usr/lib/postgresql" / major, root / "usr/share/postgresql" / major
    client_programs = {path.name for path in (tree / "bin").iterdir()} - SERVER_PROGRAMS
    _copy(tree / "bin", home / "bin", client_programs)
    _copy(tree / "lib", home / "lib")
    _copy(tree / "share", share, {"doc"})
    _use_debians_socket(share / "postgresql.conf.sample")
    # These programs look for it beside their bin, Debian's where this link leads.
    (home / "share").symlink_to(f"../../../share/postgresql/{major}")


def _use_debians_socket(sample: Path) -> None:
    """Where the distribution's libpq looks for a server. initdb writes /tmp on the first such line, as a comment."""
    with sample.open("a", encoding="utf-8") as lines:
        lines.write(f"unix_socket_directories = '{SOCKETS}'\n")


def _copy(source: Path, target: Path, but: Iterable[str] = ()) -> None:
    shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns(*LEFT_OUT, *but))


def _pack(package: Package, pool: Path, lay_out: Callable[[Path], None]) -> None:
    pool.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        root.chmod(0o755)  # it becomes the mode of the host's /
        lay_out(root)
        (root / "DEBIAN").mkdir()
        (root / "DEBIAN" / "control").write_text(package.control(), encoding="ascii")
        run("dpkg-deb", "--root-owner-group", "-Zzstd", "--build", root, pool)
