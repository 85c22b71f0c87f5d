"""The table of all verdicts so far, for people: `make report` writes it beside them, as Markdown and as a page."""

from __future__ import annotations

import html
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from pauses import percentile

VERDICTS = Path(__file__).resolve().parents[2] / ".ansible" / "faults" / "verdicts.jsonl"
ENDPOINTS = ("pooled-rw", "rw", "direct")
HEADINGS = (
    "fault",
    "runs",
    "result",
    *(f"gap {name}, p50 / max" for name in ENDPOINTS),
    "errors",
    "lost",
    "whole after",
)
STYLE = "body {font: 15px sans-serif} td, th {padding: .3em .8em; border-bottom: 1px solid #ccc; text-align: left}"

Verdict = Mapping[str, Any]


def rows(verdicts: Iterable[Verdict]) -> list[tuple[str, ...]]:
    """One for each test, in the order of their names."""
    ordered = sorted(verdicts, key=lambda verdict: str(verdict["test"]))
    return [row(test, list(runs)) for test, runs in groupby(ordered, key=lambda verdict: str(verdict["test"]))]


def row(test: str, runs: Sequence[Verdict]) -> tuple[str, ...]:
    bad = sum(bool(run["problems"]) for run in runs)
    lost = sum(str(problem).startswith("lost") for run in runs for problem in run["problems"])
    settled = [run["seconds_until_whole"] for run in runs]
    return (
        test.removeprefix("test_").replace("_", " "),
        str(len(runs)),
        f"{bad} with problems" if bad else "as it must be",
        *(spread([run["gaps"][name] for run in runs if name in run["gaps"]]) for name in ENDPOINTS),
        str(sum(sum(run["errors"].values()) for run in runs)),
        f"in {lost} runs" if lost else "0",
        "never" if None in settled else spread(settled),
    )


def spread(seconds: Sequence[float]) -> str:
    return f"{percentile(seconds, 50):.1f} / {max(seconds):.1f} s" if seconds else "-"


def markdown(table: Iterable[Sequence[str]]) -> str:
    lines = [HEADINGS, ["--"] * len(HEADINGS), *table]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def page(table: Iterable[Sequence[str]]) -> str:
    body = "\n".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in line)}</tr>" for line in table)
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in HEADINGS)
    title = "Faults under load"
    return (
        f"<!doctype html><meta charset=utf-8><title>{title}</title><style>{STYLE}</style><h1>{title}</h1>\n"
        f"<table><tr>{head}</tr>\n{body}</table>\n"
    )


def main() -> int:
    if not VERDICTS.exists():
        print(f"there are no verdicts in {VERDICTS}: `make faults` makes them", file=sys.stderr)
        return 1
    table = rows(json.loads(line) for line in VERDICTS.read_text().splitlines())
    for name, text in {"report.md": markdown(table), "report.html": page(table)}.items():
        (VERDICTS.parent / name).write_text(text)
    print(markdown(table), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
