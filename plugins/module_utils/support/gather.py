# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host gives to a support bundle: files, what programs print, and journals, without secrets."""

from __future__ import annotations

import base64
import glob
import io
import tarfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.command import CommandError, complete
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.tail import Tail, tail, tail_of_file
from ansible_collections.matriarch.pgcluster.plugins.module_utils.support.redact import Redactor

COMMAND_SECONDS = 20.0
"""Each program only reads; one that hangs tells something, too."""

JOURNAL_SECONDS = 60.0


@dataclass(frozen=True)
class Wish:
    """`files` may have patterns; `commands` are argument lists by name; `most` is in bytes, for each thing."""

    files: Sequence[str]
    commands: Mapping[str, Sequence[str]]
    units: Sequence[str]
    since: str
    most: int

    def places(self) -> dict[str, Callable[[], Tail]]:
        """How each thing that is there is read, by its name in the bundle."""
        paths = sorted({str(path) for pattern in self.files for path in _found(pattern) if path.is_file()})
        return {
            **{f"files{path}": partial(tail_of_file, path, self.most) for path in paths},
            **{f"commands/{name}.txt": partial(_printed, argv, self.most) for name, argv in self.commands.items()},
            **{f"journal/{unit}.log": partial(self._journal, unit) for unit in self.units},
        }

    def absent(self) -> list[Missing]:
        """The files that are not there. A pattern that fits nothing is no lack."""
        return [
            Missing(path, "is not there") for path in self.files if not glob.has_magic(path) and not Path(path).exists()
        ]

    def _journal(self, unit: str) -> Tail:
        which = ["--dmesg"] if unit == "kernel" else [f"--unit={unit}"]
        argv = ["journalctl", "--quiet", "--no-pager", "--output=short-iso-precise", f"--since={self.since}", *which]
        return tail(argv, self.most, JOURNAL_SECONDS)


@dataclass(frozen=True)
class Item:
    """`removed` counts secrets, `dropped` the bytes that were too many and came before."""

    name: str
    bytes: int
    removed: int
    dropped: int


@dataclass(frozen=True)
class Missing:
    """What could not be had."""

    name: str
    why: str


@dataclass
class Gathered:
    """What a host gives."""

    items: list[Item] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)
    contents: dict[str, str] = field(default_factory=dict)

    def facts(self) -> dict[str, Any]:
        """As modules return it: the contents as a compressed archive, which was never a file."""
        return {
            "items": [asdict(item) for item in self.items],
            "missing": [asdict(missing) for missing in self.missing],
            "archive": base64.b64encode(pack(self.contents)).decode() if self.contents else "",
        }


def _found(pattern: str) -> Iterable[Path]:
    return Path("/").glob(pattern.lstrip("/"))


def foresee(wish: Wish) -> Gathered:
    """What there is to read."""
    return Gathered(items=[Item(name, 0, 0, 0) for name in wish.places()], missing=wish.absent())


def gather(wish: Wish, redactor: Redactor) -> Gathered:
    """Read everything, one thing after the other; what cannot be read is said."""
    gathered = Gathered(missing=wish.absent())
    for name, read in wish.places().items():
        try:
            told = read()
        except (CommandError, OSError) as error:
            gathered.missing.append(Missing(name, redactor.text(str(error))[0]))
            continue
        if not told.text:
            gathered.missing.append(Missing(name, "says nothing"))
            continue
        text, removed = redactor.text(told.text)
        gathered.contents[name] = text
        gathered.items.append(Item(name, len(text.encode()), removed, told.dropped))
    return gathered


def _printed(argv: Sequence[str], most: int) -> Tail:
    done = complete(list(argv), seconds=COMMAND_SECONDS)
    end = f"\n(exit code {done.returncode})\n" if done.returncode else ""
    text = done.stdout + done.stderr + end
    return Tail(text[-most:], max(0, len(text) - most))


def pack(contents: Mapping[str, str], moment: float = 0.0) -> bytes:
    """A compressed archive of texts; `moment` in seconds since 1970."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, text in contents.items():
            encoded = text.encode()
            member = tarfile.TarInfo(name)
            member.size, member.mtime, member.mode = len(encoded), int(moment), 0o600
            archive.addfile(member, io.BytesIO(encoded))
    return packed.getvalue()


def unpack(packed: str) -> dict[str, str]:
    """The texts of an archive that `Gathered.facts` made."""
    if not packed:
        return {}
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(packed)), mode="r:gz") as archive:
        files = {member.name: archive.extractfile(member) for member in archive.getmembers()}
        return {name: file.read().decode() for name, file in files.items() if file}
