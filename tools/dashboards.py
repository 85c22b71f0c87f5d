"""Write docs/dashboards/*.json, for Grafana, from tools/dashboards.yml: `dashboards.py`, or `dashboards.py --check`.

With --check nothing is written, and a file that is not up to date ends the program with status 1.
The format is Grafana's "dashboard JSON model"; schema 39 is that of Grafana 10 and read by all newer ones.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "tools" / "dashboards.yml"
FOLDER = ROOT / "docs" / "dashboards"
COMMAND = ".venv/bin/python tools/dashboards.py"

GRID = 24
HEIGHT = 8
"""A row of Grafana's grid has 24 columns; a panel is 8 units of 30 pixels high."""
MOST_IN_LINE = 3
CHOSEN = 'cluster=~"$cluster"'
SOURCE_OF_DATA = {"type": "prometheus", "uid": "${source}"}
KINDS = {"graph": "timeseries", "stat": "stat", "states": "state-timeline", "table": "table"}
# A metric is a word before a brace, a bracket or nothing; not a function, an operator, or a label in a list of them.
WORD = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
NO_METRICS = frozenset(
    {
        "and",
        "or",
        "changes",
        "max_over_time",
        "count_over_time",
        "sum",
        "min",
        "max",
        "avg",
        "rate",
        "deriv",
        "increase",
        "time",
        "histogram_quantile",
    }
)


def source() -> list[dict[str, Any]]:
    """The dashboards as their source has them."""
    told: list[dict[str, Any]] = yaml.safe_load(SOURCE.read_text(encoding="utf-8"))
    return told


def expressions() -> dict[str, str]:
    """Every query by where it stands, in Prometheus's words; `$__rate_interval` is Grafana's."""
    return {
        f"{board['name']}: {panel['title']}: {name}": query
        for board in source()
        for row in board["rows"]
        for panel in row["panels"]
        for name, query in panel["queries"].items()
    }


def metrics(expression: str) -> set[str]:
    """The names of the metrics that a query reads."""
    bare = re.sub(r'"[^"]*"', "", expression)
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]", " ", bare)
    bare = re.sub(r"\b(?:by|without|on)\s*\([^)]*\)", " ", bare)
    return set(WORD.findall(bare)) - NO_METRICS


def files() -> dict[Path, str]:
    """What shall be in the folder."""
    return {FOLDER / f"{board['name']}.json": text(board) for board in source()}


def text(board: Mapping[str, Any]) -> str:
    return json.dumps(dashboard(board), indent=1, ensure_ascii=False) + "\n"


def dashboard(board: Mapping[str, Any]) -> dict[str, Any]:
    """One dashboard as Grafana reads it."""
    return {
        "uid": f"matriarch-{board['name']}",
        "title": board["title"],
        "description": f"Written by `{COMMAND}` from tools/dashboards.yml; edit that.",
        "tags": ["matriarch"],
        "schemaVersion": 39,
        "editable": True,
        "graphTooltip": 1,
        "time": {"from": "now-6h", "to": "now"},
        "refresh": "30s",
        "links": [links()],
        "templating": {"list": [choice_of_source(), choice_of_cluster(board.get("clusters_of", "matriarch_info"))]},
        "panels": list(panels(board["rows"])),
    }


def links() -> dict[str, Any]:
    """To the other dashboards, with what was chosen here."""
    return {
        "type": "dashboards",
        "tags": ["matriarch"],
        "title": "Matriarch",
        "asDropdown": True,
        "keepTime": True,
        "includeVars": True,
    }


def choice_of_source() -> dict[str, Any]:
    return {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"}


def choice_of_cluster(metric: str) -> dict[str, Any]:
    """Of those that tell the metric: an etcd that clusters share has a name of its own, and nothing else has it."""
    query = f"label_values({metric}, cluster)"
    return {
        "name": "cluster",
        "label": "Cluster",
        "type": "query",
        "datasource": SOURCE_OF_DATA,
        "definition": query,
        "query": {"query": query, "refId": "clusters"},
        "refresh": 2,
        "sort": 1,
    }


def panels(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """All panels, below each row's head, three in a line."""
    number = down = 0
    for row in rows:
        number += 1
        yield {"id": number, "type": "row", "title": row["title"], "collapsed": False, "panels": [],
               "gridPos": {"x": 0, "y": down, "w": GRID, "h": 1}}  # fmt: skip
        down += 1
        for start in range(0, len(row["panels"]), MOST_IN_LINE):
            line = row["panels"][start : start + MOST_IN_LINE]
            for place, each in enumerate(line):
                number += 1
                width = GRID // len(line)
                yield panel(each, number, {"x": place * width, "y": down, "w": width, "h": HEIGHT})
            down += HEIGHT


def panel(told: Mapping[str, Any], number: int, place: dict[str, int]) -> dict[str, Any]:
    """One panel."""
    kind = told.get("kind", "graph")
    steps = told.get("steps", {0: "green"})
    return {
        "id": number,
        "type": KINDS[kind],
        "title": told["title"],
        "description": told["about"],
        "datasource": SOURCE_OF_DATA,
        "gridPos": place,
        "targets": [
            target(name, query, chr(ord("A") + letter), instant=kind == "table")
            for letter, (name, query) in enumerate(told["queries"].items())
        ],
        "fieldConfig": {
            "defaults": {
                "unit": told.get("unit", "short"),
                "color": {"mode": "palette-classic" if kind == "graph" else "thresholds"},
                "thresholds": {
                    "mode": "absolute",
                    "steps": [{"color": color, "value": at or None} for at, color in steps.items()],
                },
            },
            "overrides": [],
        },
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}} if kind == "graph" else {},
    }


def target(name: str, query: str, letter: str, *, instant: bool) -> dict[str, Any]:
    """One query; a table shows what is now."""
    return {
        "refId": letter,
        "datasource": SOURCE_OF_DATA,
        "expr": query.replace("$c", CHOSEN),
        "legendFormat": name,
        "instant": instant,
        "range": not instant,
        **({"format": "table"} if instant else {}),
    }


def main(arguments: list[str]) -> int:
    wanted = files()
    stale = [path for path, content in wanted.items() if not path.exists() or path.read_text("utf-8") != content]
    left_over = sorted(set(FOLDER.glob("*.json")) - wanted.keys())
    if arguments == ["--check"]:
        for path in (*stale, *left_over):
            print(f"{path.relative_to(ROOT)} is not up to date: run {COMMAND}")
        return 1 if stale or left_over else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path in stale:
        path.write_text(wanted[path], encoding="utf-8")
    for path in left_over:
        path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
