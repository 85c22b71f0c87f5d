# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Metrics as Prometheus reads them: the text format, version 0.0.4 (prometheus.io, "Exposition formats"). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Sample:
    """One value now; labels by name. A value of True is 1, of False 0."""

    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Gauge:
    """A measure that may rise and fall, with what it means in a sentence."""

    name: str
    help: str
    samples: tuple[Sample, ...]


def text(gauges: Iterable[Gauge]) -> str:
    """All of them; one without a sample is left out, for it has nothing to say on this host."""
    return "".join(_gauge(gauge) for gauge in gauges if gauge.samples)


def _gauge(gauge: Gauge) -> str:
    lines = [f"# HELP {gauge.name} {_escaped(gauge.help)}", f"# TYPE {gauge.name} gauge"]
    lines += [f"{gauge.name}{_labels(sample.labels)} {float(sample.value)!r}" for sample in gauge.samples]
    return "\n".join(lines) + "\n"


def _labels(labels: Mapping[str, str]) -> str:
    said = ",".join(f'{name}="{_quoted(value)}"' for name, value in labels.items())
    return f"{{{said}}}" if said else ""


def _escaped(words: str) -> str:
    return words.replace("\\", "\\\\").replace("\n", "\\n")


def _quoted(words: str) -> str:
    return _escaped(words).replace('"', '\\"')
