# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of whether the backups are worth anything: the last restore drills and verifications. Immutable."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

DRILL = "drill"
VERIFICATION = "verification"
KINDS = (DRILL, VERIFICATION)


@dataclass(frozen=True)
class Trial:
    """One restore drill, or one verification, and its verdict.

    `at` is when it began, in UTC, ISO 8601: what came into the repositories later was not tried. `repositories` are
    the labels of those that were. `problems` is empty for a good one. `facts` are what else was measured.
    """

    kind: str
    at: str
    member: str
    repositories: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        """Whether the backups passed."""
        return not self.problems

    @classmethod
    def parse(cls, told: Mapping[str, Any]) -> Trial:
        """Raises KeyError, TypeError or ValueError when it is something else."""
        if told["kind"] not in KINDS:
            raise ValueError(f"{told['kind']!r} is no kind of trial")
        lists = {name: tuple(str(each) for each in told[name]) for name in ("repositories", "problems")}
        return cls(told["kind"], str(told["at"]), str(told["member"]), **lists, facts=dict(told["facts"]))

    def told(self) -> dict[str, Any]:
        """As a module returns it, and as it is kept."""
        return {**asdict(self), "good": self.good}


@dataclass(frozen=True)
class Proof:
    """The newest trial of each kind, and the newest good one of each."""

    drill: Trial | None = None
    good_drill: Trial | None = None
    verification: Trial | None = None
    good_verification: Trial | None = None

    @classmethod
    def from_text(cls, text: str | bytes) -> Proof:
        """As it was kept. Raises ValueError when it is something else."""
        try:
            return cls.parse(json.loads(text))
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"this tells of no drill and no verification: {error!r}") from error

    @classmethod
    def parse(cls, told: Mapping[str, Any]) -> Proof:
        """What `told` made of one. Raises KeyError, TypeError or ValueError when it is something else."""
        return cls(**{each.name: Trial.parse(told[each.name]) for each in fields(cls) if told.get(each.name)})

    def to_text(self) -> str:
        """As it is kept."""
        return json.dumps(self.told(), indent=1, sort_keys=True) + "\n"

    def told(self) -> dict[str, Any]:
        """All of it, null where there is none."""
        trials = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: trial.told() if trial else None for name, trial in trials.items()}

    def knowing(self, trial: Trial) -> Proof:
        """The same with one trial more, which may be older than what is known."""
        names = [trial.kind, *([f"good_{trial.kind}"] if trial.good else [])]
        newer = {name: trial for name in names if (known := getattr(self, name)) is None or known.at <= trial.at}
        return replace(self, **newer)

    def merged(self, other: Proof) -> Proof:
        """What either of the two knows."""
        both = self
        for trial in other.trials():
            both = both.knowing(trial)
        return both

    def trials(self) -> Iterator[Trial]:
        """All of them, in no order."""
        return (trial for each in fields(self) if (trial := getattr(self, each.name)))

    @property
    def newest(self) -> Trial | None:
        """The newest of all, good or bad."""
        return max(self.trials(), key=lambda trial: trial.at, default=None)

    @property
    def newest_good(self) -> Trial | None:
        """The newest good one of all."""
        return max((trial for trial in self.trials() if trial.good), key=lambda trial: trial.at, default=None)
