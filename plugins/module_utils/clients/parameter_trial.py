# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Would PostgreSQL take these parameters? Its own program is asked, with a configuration file of nothing else.

`postgres -C` reads that file as a start would, prints one parameter and ends: no data directory, no server is needed,
and nothing is left. It knows what no list of ours could: names, ranges, units and words of the version that is
installed. A name with a dot belongs to an extension, and PostgreSQL takes it without knowing it.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients import command
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.parameter import PARAMETER_NAME

PLACE = Path("/run")
"""Where its file lies for the moment: *postgres* gets there, and no full disk is in the way."""

READABLE = "server_version_num"
"""A parameter that every version has and no file sets."""

TOLD = re.compile(r"(?:^|: |\] )(LOG|DETAIL|HINT|ERROR|FATAL):  (.*)")
NO_NEWS = re.compile(r"skipping missing configuration file|configuration file .* contains errors")
SPOT = re.compile(r' in file "[^"]*" line [0-9]+')


def refused(program: Path, parameters: Mapping[str, object]) -> dict[str, str] | None:
    """The reasons by name of what PostgreSQL refuses; None where *program* (its ``postgres``) is not installed.

    Parameters that are None count as not set. Raises CommandError when it answers nothing that makes sense.
    """
    if not program.is_file():
        return None
    wanted = {str(name): _text(value) for name, value in parameters.items() if value is not None}
    odd = {name: "this is no name of a parameter" for name in wanted if not PARAMETER_NAME.fullmatch(name)}
    known = {name: value for name, value in wanted.items() if name not in odd}
    if not _reasons(program, known):
        return odd
    alone = {name: _reasons(program, {name: value}) for name, value in known.items()}
    return odd | {name: reason for name, reason in alone.items() if reason}


def _reasons(program: Path, parameters: Mapping[str, str]) -> str:
    """What PostgreSQL says against a file of these; empty when it takes them all."""
    folder = Path(tempfile.mkdtemp(prefix="matriarch-parameters-", dir=PLACE))
    try:
        lines = [f"{name} = {_quoted(value)}\n" for name, value in parameters.items()]
        (folder / "postgresql.conf").write_text("".join(lines), encoding="utf-8")
        if os.geteuid() == 0:  # PostgreSQL runs as anybody but root
            shutil.chown(folder, "postgres")
            shutil.chown(folder / "postgresql.conf", "postgres")
        asked = [str(program), "-D", str(folder), "-C", READABLE]
        done = command.complete(command.as_postgres(asked), seconds=command.READING)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if done.returncode == 0:
        return ""
    told = [text for _level, text in TOLD.findall(done.stderr) if not NO_NEWS.match(text)]
    if not told:
        raise command.CommandError(f"{program} -C ended with exit code {done.returncode}: {done.stderr.strip()}")
    return SPOT.sub("", "; ".join(text.rstrip(".") for text in told))


def _text(value: object) -> str:
    return ("on" if value else "off") if isinstance(value, bool) else str(value)


def _quoted(value: str) -> str:
    """As PostgreSQL reads a text in its configuration file, where a backslash begins an escape."""
    for plain, escaped in (("\\", "\\\\"), ("'", "''"), ("\n", "\\n"), ("\r", "\\r")):
        value = value.replace(plain, escaped)
    return f"'{value}'"
