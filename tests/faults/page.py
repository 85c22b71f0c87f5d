"""A report as one page of HTML that needs no other file. Pure."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

STYLE = """
body {font: 15px sans-serif; max-width: 1100px; margin: 2em auto; padding: 0 1em}
td, th {padding: .3em .8em; border-bottom: 1px solid #ccc; text-align: left; vertical-align: top}
h2 {font-size: 1.1em; margin: 2em 0 .5em} svg {max-width: 100%} pre {overflow-x: auto; font-size: 12px}
"""
LEGEND = "Acknowledged rows over time, for each endpoint: shaded is the fault, the line is where all was whole again."


@dataclass(frozen=True)
class Chapter:
    """A picture (SVG, or none) with what there is to say of it."""

    title: str
    picture: str
    remarks: Sequence[str]


def page(
    title: str,
    meaning: str,
    surroundings: Mapping[str, str],
    table: Sequence[Sequence[str]],
    chapters: Iterable[Chapter],
) -> str:
    """The first line of the table is its head."""
    head, *lines = table
    parts = [
        f"<!doctype html>\n<meta charset=utf-8>\n<title>{title}</title>\n<style>{STYLE}</style>\n<h1>{title}</h1>",
        f"<p>{html.escape(meaning)}</p>",
        f"<table>{''.join(row('td', pair) for pair in surroundings.items())}</table>",
        f"<h2>Verdicts</h2>\n<table>{row('th', head)}{''.join(row('td', line) for line in lines)}</table>",
        f"<p>{LEGEND}</p>",
        *map(shown, chapters),
    ]
    return "\n".join(parts) + "\n"


def row(tag: str, cells: Iterable[str]) -> str:
    return f"<tr>{''.join(f'<{tag}>{html.escape(cell)}</{tag}>' for cell in cells)}</tr>\n"


def shown(chapter: Chapter) -> str:
    remarks = html.escape("\n".join(chapter.remarks))
    said = f"\n<pre>{remarks}</pre>" if remarks else ""
    return f"<h2>{html.escape(chapter.title)}</h2>\n{chapter.picture}{said}"
