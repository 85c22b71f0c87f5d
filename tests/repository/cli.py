# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from lab.errors import LabError
from lab.folders import Folders
from lab.place import Place

from . import build, server

FOLDER = Path(__file__).resolve().parents[2] / ".cache" / "repository"


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    os.umask(0o022)
    try:
        if options.verb == "stop":
            server.stop(FOLDER)
        else:
            build.build(FOLDER)
            print(f"{FOLDER}: PostgreSQL {build.VERSION}, signed with the key {build.KEY}")
        if options.verb == "start":
            print(server.start(FOLDER, Place(options.lab, Folders.from_environment()).subnet().gateway))
    except LabError as error:
        print(f"repository: {error}", file=sys.stderr)
        return 1
    return 0


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="repository", description="A signed apt repository on this machine.")
    verbs = top.add_subparsers(dest="verb", required=True)
    verbs.add_parser("build", help="make packages, index and signature, unless they are there")
    start = verbs.add_parser("start", help="the same, and offer them over HTTP to the hosts of a lab")
    start.add_argument("--lab", required=True, help="the lab; it must be up")
    verbs.add_parser("stop", help="end the HTTP server")
    return top
