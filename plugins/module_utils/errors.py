# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user is told when something cannot be done.

A message names what was asked, of whom, what came back, and what to do next;
``details`` carries the same facts as data, for `fail_json(**error.details)`.
"""

from __future__ import annotations


class MatriarchError(Exception):
    """Anything that a module reports to the user instead of a traceback."""

    def __init__(self, msg: str, **details: object) -> None:
        super().__init__(msg)
        self.details = details


class RemoteError(MatriarchError):
    """A server could not be reached, refused the request, or gave an answer that makes no sense."""

    @property
    def reason(self) -> str:
        """What came back, without what was asked of whom."""
        return str(self.details.get("reason", self))


class NobodyAnswered(RemoteError):
    """None of the servers that were asked gave an answer; `unanswered` says why, for each address."""

    def __init__(self, unanswered: dict[str, str]) -> None:
        told = "; ".join(f"{url}: {reason}" for url, reason in unanswered.items())
        super().__init__(f"none of {len(unanswered)} servers answered: {told}", unanswered=unanswered)
        self.unanswered = unanswered


class Refused(MatriarchError):
    """A plan found that what is wished is not safe, or not possible; nothing was changed.

    Its details say so too, so that a playbook can tell it from a failure.
    """

    def __init__(self, msg: str, **details: object) -> None:
        super().__init__(msg, refused=True, **details)


class DeadlineExceeded(MatriarchError):
    """A state was not reached within its time."""
