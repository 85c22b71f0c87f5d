# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a cluster is stable, degraded or critical, why, and what to do about each reason. Pure.

Critical: clients cannot write, or data is at risk, now. Degraded: nobody is hurt yet, but the next fault may not be
survived as promised. Notes change nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.status import Finding, Status
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan import (
    verdict_backups,
    verdict_critical,
    verdict_degraded,
    verdict_hosts,
    verdict_notes,
    verdict_storage,
)

Rule = Callable[[Status], Iterator[Finding]]

# The worst first, and within a severity in the order in which an operator would look.
RULES: Mapping[str, Sequence[Rule]] = {
    "critical": verdict_critical.RULES,
    "degraded": (
        *verdict_hosts.SILENCE,
        *verdict_degraded.RULES,
        *verdict_hosts.RULES,
        *verdict_storage.RULES,
        *verdict_backups.RULES,
    ),
    "note": (*verdict_notes.RULES, *verdict_backups.NOTES),
}
STABLE = "stable"


@dataclass(frozen=True)
class Verdict:
    """stable, degraded or critical, with everything that was found, by severity."""

    findings: Mapping[str, tuple[Finding, ...]]

    @property
    def word(self) -> str:
        """The worst severity that was found, notes aside."""
        return next((severity for severity in ("critical", "degraded") if self.findings[severity]), STABLE)

    def reasons(self) -> list[dict[str, Any]]:
        """All findings as a module returns them, the worst first."""
        return [{"severity": severity, **asdict(each)} for severity, found in self.findings.items() for each in found]


def judge(status: Status) -> Verdict:
    """Apply every rule."""
    return Verdict({severity: tuple(f for rule in rules for f in rule(status)) for severity, rules in RULES.items()})
