# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the documents say is what the code says, and their links lead somewhere."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest
import yaml
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.timing import PRESETS, as_dict
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.timing import bounds

ROOT = Path(__file__).resolve().parents[2]
DESIGN = (ROOT / "docs" / "HA_REFERENCE_DESIGN.md").read_text(encoding="utf-8")
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
spec = importlib.util.spec_from_file_location("reference", ROOT / "tools" / "reference.py")
assert spec is not None
assert spec.loader is not None
reference = importlib.util.module_from_spec(spec)
spec.loader.exec_module(reference)


@pytest.fixture(scope="module")
def page():
    """Put together once: that takes more than a second."""
    return reference.page()


def test_the_page_is_up_to_date(page):
    # pytest would look minutes for the lines in which such long pages differ
    is_current = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8") == page
    assert is_current, f"run {reference.COMMAND}"


def test_every_variable_of_every_role_is_in_it(page):
    for path in (ROOT / "roles").glob("*/meta/argument_specs.yml"):
        options = yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"]["main"]["options"]
        assert [name for name in options if f"| `{name}` |" not in page] == []


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("Like V(10.0.0.0/24), see C(node).", "Like `10.0.0.0/24`, see `node`."),
        ("O(files[].mode) and RV(etcd)", "`files[].mode` and `etcd`"),
        ("when O(pgcluster#role:main:pgcluster_package_source=pgdg)", "when `pgcluster_package_source=pgdg`"),
        ("P(matriarch.pgcluster.timing#filter)", "`matriarch.pgcluster.timing`"),
        ("RV(matriarch.pgcluster.host_info#module:host)", "`host`"),
        (["One.", "Two."], "One. Two."),
    ],
)
def test_markup_becomes_markdown(written, shown):
    assert reference.words(written) == shown


def test_a_cell_may_hold_a_bar():
    assert reference.line(["a|b", "c"]) == "| a\\|b | c |"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_to_files(document):
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("name", as_dict(PRESETS["fast"]))
def test_the_design_tells_every_timeout(name):
    assert numbers(name) == [as_dict(preset)[name] for preset in PRESETS.values()]


@pytest.mark.parametrize("number", range(len(bounds(PRESETS["fast"]))))
def test_the_design_tells_every_bound(number):
    of_presets = [bounds(preset)[number] for preset in PRESETS.values()]
    assert numbers(of_presets[0].fault) == [bound.seconds for bound in of_presets]


def numbers(name):
    """The numbers of the design's table row that begins with this name."""
    row = re.search(rf"^\| `{name}`[^|]*\|([^|]*)\|([^|]*)\|([^|]*)\|", DESIGN, re.MULTILINE)
    assert row, f"{name} is not in a table of the design"
    return [float(cell) for cell in row.groups()]
