# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Go on after the module has given its answer."""

from __future__ import annotations

import os
from collections.abc import Callable


def detach(work: Callable[[], None]) -> int:
    """Do *work* in a process of its own, which no terminal and no caller holds on to; return its process id.

    All that the work imports must be imported before: Ansible removes a module's code when the module ends.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child:
        os.close(writer)
        os.waitpid(child, 0)
        with os.fdopen(reader) as told:
            return int(told.read())
    os.close(reader)
    os.setsid()
    grandchild = os.fork()
    if grandchild:
        os.write(writer, str(grandchild).encode())
        os._exit(0)
    try:
        os.close(writer)
        _let_go()
        work()
    finally:
        os._exit(0)  # without the module's own clean-up, which is the parent's


def _let_go() -> None:
    """Keep no descriptor of the caller's terminal or pipes."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    os.chdir("/")
