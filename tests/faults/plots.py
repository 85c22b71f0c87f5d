"""Pictures of what happened, as SVG that needs nobody else. Pure."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pauses import OUTSIDE, Phase

WIDTH, TRACK, LABEL, AXIS = 860, 34, 90, 22
COLOURS = ("#3b6ea5", "#5a9e6f", "#c98b3a", "#8a6bb1", "#b5555f", "#6b8e9e", "#9a8f5c", "#777777")
SHADE, LINE = "#f3d9d9", "#b5555f"


def svg(height: float, parts: Sequence[str]) -> str:
    body = "\n".join(parts)
    return f'<svg viewBox="0 0 {WIDTH} {height:g}" width="{WIDTH}" height="{height:g}" role="img">\n{body}\n</svg>'


def text(x: float, y: float, words: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="11">{html.escape(words)}</text>'


def box(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"/>'


def acknowledgements(verdict: Mapping[str, Any]) -> str:
    """How much each endpoint was acknowledged over time; shaded is the fault, the line is where all was whole again."""
    rates, course = verdict["acknowledged"], verdict["course"]
    begin, end, step = float(rates["begin"]), float(course["ended"]), float(rates["step"])
    scale = (WIDTH - LABEL - 10) / (end - begin)

    def at(moment: float) -> float:
        return LABEL + (moment - begin) * scale

    height = TRACK * len(rates["counts"])
    parts = [box(at(0), 0, at(course["healed"]) - at(0), height, SHADE)]
    for number, (endpoint, counts) in enumerate(rates["counts"].items()):
        bottom = TRACK * (number + 1)
        parts.append(text(0, bottom - 8, endpoint))
        parts.append(f'<path fill="{COLOURS[number]}" d="{area(counts, at(begin), bottom, step * scale)}"/>')
    if course["stable"] is not None:
        parts.append(box(at(course["stable"]), 0, 1.5, height, LINE))
    parts += axis(begin, end, at, height)
    return svg(height + AXIS, parts)


def area(counts: Sequence[int], left: float, bottom: float, width: float) -> str:
    """Columns side by side as one outline; the highest one fills the track."""
    most = max(counts, default=0) or 1
    columns = [f"V{bottom - (TRACK - 4) * count / most:.1f}h{width:.2f}" for count in counts]
    return f"M{left:.1f} {bottom}{''.join(columns)}V{bottom}z"


def axis(begin: float, end: float, at: Callable[[float], float], height: float) -> Iterator[str]:
    every = next((step for step in (5, 10, 20, 60, 120) if (end - begin) / step <= 12), 600)
    for moment in range(0, int(end) + 1, every):
        yield box(at(moment), height, 1, 4, "#555555")
        yield text(at(moment), height + 16, f"{moment} s", "middle")


def phase_bar(phases: Sequence[Phase]) -> str:
    """The phases of a switchover as parts of one bar: what clients wait for, and beside it what they do not."""
    total = sum(phase.milliseconds for phase in phases) or 1.0
    parts: list[str] = []
    left = 0.0
    for number, phase in enumerate(phases):
        width = phase.milliseconds / total * WIDTH
        colour = "#cccccc" if phase.name in OUTSIDE else COLOURS[number % len(COLOURS)]
        parts.append(box(left, 0, width, TRACK, colour))
        row = TRACK + 18 * (number + 1)
        parts += [box(0, row - 10, 12, 12, colour), text(20, row, f"{phase.name}: {phase.milliseconds:.0f} ms")]
        left += width
    return svg(TRACK + 18 * (len(phases) + 1), parts)
