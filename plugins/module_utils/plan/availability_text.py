# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a cluster's availability, for people: Markdown, and a page that needs nothing but itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.availability import (
    Change,
    Month,
    month_of,
    shown,
)

WIDTH = 1000
"""Of a month's strip, in its own units."""

STYLE = """body{font-family:sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse;margin:1rem 0}td,th{border:1px solid #ccc;padding:.3rem .6rem;text-align:left}
svg{width:100%;height:1.5rem;background:#ddd}"""


@dataclass(frozen=True)
class Report:
    """`backups` has, by month, what Prometheus knows of them: numbers by name, None for what it does not know."""

    cluster: str
    made_at: float
    step: float
    promised_percent: float
    months: Sequence[Month]
    backups: Mapping[str, Mapping[str, float | None]]


HEAD = (
    "month",
    "available",
    "outage",
    "allowed",
    "longest",
    "not watched",
    "leaders",
    "worst RPO",
    "backups",
    "drills",
)


def rows(report: Report) -> list[tuple[str, ...]]:
    """A row a month."""
    return [_row(report, month) for month in report.months]


def _row(report: Report, month: Month) -> tuple[str, ...]:
    backups = report.backups.get(month.name, {})
    return (
        _named(month),
        "?" if month.percent is None else f"{month.percent:.4f} %",
        f"{month.down_seconds:.0f} s" + ("" if month.kept else " (broken)"),
        f"{month.allowed_seconds:.0f} s",
        f"{month.longest_outage_seconds:.0f} s",
        f"{month.unknown_seconds:.0f} s",
        str(len(month.changes)),
        _known(backups.get("rpo_seconds"), " s"),
        _known(backups.get("backups")),
        _known(backups.get("drills")),
    )


def _named(month: Month) -> str:
    """With the day from which on it was watched, if that was not its first."""
    return month.name if month.begin == month_of(month.begin) else f"{month.name} (since {shown(month.begin)})"


def _known(value: float | None, unit: str = "") -> str:
    return "?" if value is None else f"{value:.0f}{unit}"


def change_rows(report: Report) -> list[tuple[str, ...]]:
    """A row for each other leader."""
    return [
        (change.at, str(change.timeline), change.leader, change.cause, gap(change, report.step))
        for month in report.months
        for change in month.changes
    ]


CHANGE_HEAD = ("when", "timeline", "leader", "cause", "clients could not write")


def gap(change: Change, step: float) -> str:
    """How long clients could not write, as exactly as somebody looked."""
    if change.gap_seconds is None:
        return "nobody watched"
    return f"{change.gap_seconds:.0f} s" if change.gap_seconds else f"less than {step:.0f} s"


def explanation(report: Report) -> list[str]:
    """What the numbers mean."""
    return [
        f"Promised: {report.promised_percent} % of a month. Available is while a proxy has a leader to send writes to,"
        f" looked at every {report.step:.0f} s; shorter outages are not seen. Where Prometheus has nothing, nobody"
        " watched.",
        "The worst RPO is the age of the oldest segment of WAL that was not in the archive; unknown where nothing is"
        " archived. What the leader had written since, which archive_timeout limits (5 minutes unless it is changed),"
        " comes on top.",
    ]


def sentences(report: Report) -> list[str]:
    """The report in a line a month."""
    if not report.months:
        return [f"Nobody has watched {report.cluster} yet: Prometheus has nothing of its proxies"]
    return [
        f"{month.name}: {'?' if month.percent is None else f'{month.percent:.4f} %'} available,"
        f" {month.down_seconds:.0f} s of outage of the {month.allowed_seconds:.0f} s that {report.promised_percent} %"
        " allow,"
        f" {len(month.changes)} changes of the leader"
        for month in report.months
    ]


def markdown(report: Report) -> str:
    """The report as text."""
    lines = [f"# Availability of {report.cluster}", "", f"Made at {shown(report.made_at)}.", ""]
    for sentence in explanation(report):
        lines += [sentence, ""]
    lines += _table(HEAD, rows(report))
    if changes := change_rows(report):
        lines += ["", "## Changes of the leader", "", *_table(CHANGE_HEAD, changes)]
    return "\n".join(lines) + "\n"


def _table(head: Sequence[str], told: Sequence[Sequence[str]]) -> list[str]:
    bars = [" | ".join(each.replace("|", "\\|") for each in row) for row in told]
    return [f"| {' | '.join(head)} |", "|" + "--|" * len(head), *(f"| {each} |" for each in bars)]


def page(report: Report) -> str:
    """The report as a page."""
    strips = "".join(f"<h3>{escape(month.name)}</h3>{strip(month)}" for month in report.months)
    parts = [
        f"<h1>Availability of {escape(report.cluster)}</h1><p>Made at {shown(report.made_at)}.</p>",
        *(f"<p>{escape(sentence)}</p>" for sentence in explanation(report)),
        _html(HEAD, rows(report)),
        strips,
        "<h2>Changes of the leader</h2>" + _html(CHANGE_HEAD, change_rows(report)) if change_rows(report) else "",
    ]
    title = escape(f"Availability of {report.cluster}")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{STYLE}</style></head>"
        f"<body>{''.join(parts)}</body></html>\n"
    )


def strip(month: Month) -> str:
    """A month as a strip: green is up, red is down, grey is unknown. An outage is never too thin to be seen."""
    span = max(month.end - month.begin, 1)
    bars = []
    for run in sorted(month.runs, key=lambda run: not run.up):
        left = WIDTH * (run.begin - month.begin) / span
        width = WIDTH * run.seconds / span
        bars.append(
            f'<rect x="{left:.2f}" y="0" width="{width if run.up else max(width, 2):.2f}" height="10"'
            f' fill="{"#2a2" if run.up else "#d22"}"><title>{shown(run.begin)}: {run.seconds:.0f} s</title></rect>'
        )
    return f'<svg viewBox="0 0 {WIDTH} 10" preserveAspectRatio="none" role="img">{"".join(bars)}</svg>'


def _html(head: Sequence[str], told: Sequence[Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(each)}</th>" for each in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(each)}</td>" for each in row) + "</tr>" for row in told)
    return f"<table><tr>{top}</tr>{body}</table>"
