# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which names are those of secrets, and which values under such a name tell nothing."""

from __future__ import annotations

import re

_ANYWHERE = re.compile(
    r"password|passwd|passphrase|pwd|secret|credential|token|psk|authorization|cookie|verifier|signature"
    r"|api_?key|access_?key|private_?key|(?:^|_)(?:pass|pw)(?:_|$)|keys?$"
)
# A name that goes on like this is about a secret, and its value is none. But a command may hold what it prints.
_ABOUT = re.compile(
    r"(?:file|path|dir|directory|type|encryption|timeout|seconds|hours|days|length|(?<!passphrase_)command|method|query|retry|status"
    r"|count|enabled|required|supplied)$"
)
_WHOLE_LINE = re.compile(r"authorization|cookie")
_TELLS_NOTHING = re.compile(r"""(?i)["']?(?:null|none|~|true|false|yes|no|on|off)?["']?,?""")
_PATH = re.compile(r"""["']?/(?:etc|var|run|usr|opt|srv|dev)/[\w./@-]*["']?,?""")


def is_secret(name: str) -> bool:
    """Whether what stands under this name is a secret, as far as a name can tell."""
    words = re.sub(r"[-. ]+", "_", name.lower())
    return bool(_ANYWHERE.search(words)) and not _ABOUT.search(words)


def takes_the_line(name: str) -> bool:
    """Whether such a value goes on to the end of its line, blanks included."""
    return bool(_WHOLE_LINE.search(name.lower()))


def is_harmless(value: str) -> bool:
    """Whether a value is none after all: empty, a switch, or where something lies."""
    return bool(_TELLS_NOTHING.fullmatch(value) or _PATH.fullmatch(value))
