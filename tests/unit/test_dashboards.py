# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The dashboards are those that their source means, and ask for metrics that there are."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.history import (
    ALIVE,
    FULL_IN,
    LEADERS,
    QUESTIONS,
)
from ansible_collections.matriarch.pgcluster.plugins.modules import availability_info

TOOLS = Path(__file__).resolve().parents[2] / "tools"


def tool() -> ModuleType:
    found = importlib.util.spec_from_file_location("dashboards", TOOLS / "dashboards.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


dashboards = tool()
BOARDS: list[dict[str, Any]] = [json.loads(text) for text in dashboards.files().values()]
KNOWN = {
    name for part in yaml.safe_load((TOOLS / "metrics.yml").read_text("utf-8")).values() for name in part
} | {"ALERTS"}  # fmt: skip


def test_the_files_are_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert dashboards.main(["--check"]) == 0, capsys.readouterr().out


def test_a_file_that_is_not_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashboards, "FOLDER", tmp_path)
    monkeypatch.setattr(dashboards, "ROOT", tmp_path)
    assert dashboards.main(["--check"]) == 1
    assert dashboards.main([]) == 0
    assert dashboards.main(["--check"]) == 0
    (tmp_path / "former.json").write_text("{}")
    assert dashboards.main(["--check"]) == 1


@pytest.mark.parametrize("place", dashboards.expressions())
class TestAQuery:
    def test_it_asks_for_metrics_that_there_are(self, place: str) -> None:
        asked = dashboards.metrics(dashboards.expressions()[place])
        assert asked
        assert asked - KNOWN == set()

    def test_it_asks_for_the_chosen_cluster(self, place: str) -> None:
        query = dashboards.expressions()[place]
        assert len(re.findall(r"\$c\b", query)) == len(
            [name for name in re.findall(r"[\w:]+", re.sub(r"\{[^}]*\}|\[[^\]]*\]", "", query)) if name in KNOWN]
        )

    def test_its_signs_are_in_pairs(self, place: str) -> None:
        query = dashboards.expressions()[place]
        assert [query.count(sign) for sign in "({["] == [query.count(sign) for sign in ")}]"]


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: str(board["uid"]))
class TestADashboard:
    def test_every_panel_says_what_it_shows(self, board: dict[str, Any]) -> None:
        assert [each["title"] for each in board["panels"] if each["type"] != "row" and not each["description"]] == []

    def test_panels_have_numbers_of_their_own_and_do_not_overlap(self, board: dict[str, Any]) -> None:
        numbers = [panel["id"] for panel in board["panels"]]
        taken = [
            (across, down)
            for panel in board["panels"]
            for across in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
            for down in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
        ]
        assert len(set(numbers)) == len(numbers)
        assert len(set(taken)) == len(taken)
        assert max(across for across, _down in taken) < dashboards.GRID

    def test_no_query_shares_its_letter(self, board: dict[str, Any]) -> None:
        for panel in board["panels"]:
            letters = [target["refId"] for target in panel.get("targets", [])]
            assert len(set(letters)) == len(letters)


@pytest.mark.parametrize("query", [availability_info.WRITABLE, *availability_info.ASKED.values()])
def test_the_report_of_availability_asks_for_metrics_that_there_are(query: str) -> None:
    assert dashboards.metrics(query.format("main", 60)) - KNOWN == set()


@pytest.mark.parametrize(
    "expression", [ALIVE, FULL_IN, *(e.expression for q in (LEADERS, *QUESTIONS) for e in q.lines)]
)
def test_the_page_of_the_status_asks_for_metrics_that_there_are(expression: str) -> None:
    query = expression.format(c='cluster="main"', w=60)
    assert dashboards.metrics(query)
    assert dashboards.metrics(query) - KNOWN == set()


def test_names_of_metrics_are_told_from_the_rest_of_a_query() -> None:
    query = 'sum by (member, le) (rate(a_bucket{b="c_d"}[5m])) / on (cluster) (e:f:g > 0) - time()'
    assert dashboards.metrics(query) == {"a_bucket", "e:f:g"}
