"""Write docs/reference.md from what the code says of itself: `reference.py`, or `reference.py --check`.

Sources: the playbooks' first comments and plays, roles/*/meta/argument_specs.yml, and the documentation of modules,
inventory plugins and filters. With --check nothing is written, and a page that is not up to date ends the program with
status 1.
"""

from __future__ import annotations

import ast
import itertools
import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reference.md"
COMMAND = ".venv/bin/python tools/reference.py"
HEAD = f"""# Reference

<!-- Written by `{COMMAND}` from argument specs and documentation strings; edit those. -->

`ansible-doc -t role matriarch.pgcluster.pgcluster` and `ansible-doc matriarch.pgcluster.etcd_member` show the same on a
terminal, and all options, examples and results of a module.
"""
# Ansible's markup for names and values: O(option=value), RV(result), C(code), M(module), P(plugin#type) ...
MARKUP = re.compile(r"\b(?:O|RV|V|C|E|I|B|M|P)\(([^()]*)\)")
# What stands before an option's or a result's own name when it belongs to another plugin or role, and after a plugin's.
FOREIGN = re.compile(r"^[\w.]+#\w+:(?:main:)?")
# How a playbook's first comment shows a call.
CALL = "#   "
KIND = re.compile(r"#\w+$")


def page() -> str:
    """The whole page."""
    parts = (HEAD, *playbooks(), "## Roles\n", *map(role, role_names()), *modules(), *inventories(), *filters())
    return "\n".join(parts)


def playbooks() -> Iterator[str]:
    yield "## Playbooks\n"
    yield "In an inventory of several clusters, `-e cluster=NAME` has each of them act on one cluster alone.\n"
    for path in sorted((ROOT / "playbooks").glob("*.yml")):
        text = path.read_text(encoding="utf-8")
        said = list(itertools.takewhile(lambda line: line.startswith("#"), text.splitlines()[1:]))
        purpose = " ".join(line.lstrip("# ") for line in said if not line.startswith(CALL))
        calls = [f"    {line.removeprefix(CALL)}" for line in said if line.startswith(CALL)]
        own = [play for play in yaml.safe_load(text) if "ansible.builtin.import_playbook" not in play]
        plays = [f"{number}. {play['name']}" for number, play in enumerate(own, 1)]
        blocks = [[f"### `matriarch.pgcluster.{path.stem}`"], [purpose], calls, plays]
        yield "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def role_names() -> list[str]:
    """In the order in which site.yml applies them, then those of the operations."""
    plays = yaml.safe_load((ROOT / "playbooks" / "site.yml").read_text(encoding="utf-8"))
    applied = [entry["role"].rpartition(".")[2] for play in plays for entry in play.get("roles", ())]
    return applied + sorted(path.name for path in (ROOT / "roles").iterdir() if path.name not in applied)


def role(name: str) -> str:
    path = ROOT / "roles" / name / "meta" / "argument_specs.yml"
    spec = yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"]["main"]
    rows = [[f"`{variable}`", *option(about)] for variable, about in keys(spec["options"])]
    head = ["variable", "type", "default", "meaning"]
    return "\n".join([f"### {name}\n", f"{words(spec['description'])}\n", *table(head, rows), ""])


def keys(options: dict[str, Any], above: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Each by its name, those within another one by its name, too; [] says that there may be several."""
    for name, about in options.items():
        yield above + name, about
        yield from keys(about.get("options", {}), above + name + ("[]." if about["type"] == "list" else "."))


def option(about: dict[str, Any]) -> list[str]:
    kind = about["type"] + (f" of {about['elements']}" if "elements" in about else "")
    choices = ": " + ", ".join(f"`{choice}`" for choice in about["choices"]) if "choices" in about else ""
    default = code(about["default"]) if "default" in about else "computed"
    return [kind + choices, default, words(about["description"])]


def code(value: object) -> str:
    return "empty" if value in ("", [], {}) else f"`{value if isinstance(value, str) else json.dumps(value)}`"


def modules() -> Iterator[str]:
    found = [plugin_documentation(path) for path in sorted((ROOT / "plugins" / "modules").glob("[a-z]*.py"))]
    yield "## Modules\n"
    yield "\n".join([*plugin_table("module", found, "module"), ""])


def plugin_documentation(path: Path) -> dict[str, Any]:
    """DOCUMENTATION is read and not run: a plugin's imports need not be there."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "DOCUMENTATION":
            documentation: dict[str, Any] = yaml.safe_load(ast.literal_eval(node.value))
            return documentation
    raise ValueError(f"{path} has no DOCUMENTATION")


def inventories() -> Iterator[str]:
    found = [plugin_documentation(path) for path in sorted((ROOT / "plugins" / "inventory").glob("[a-z]*.py"))]
    yield "## Inventory plugins\n"
    yield "\n".join([*plugin_table("plugin", found, "name"), ""])


def filters() -> Iterator[str]:
    paths = sorted((ROOT / "plugins" / "filter").glob("*.yml"))
    found = [yaml.safe_load(path.read_text(encoding="utf-8"))["DOCUMENTATION"] for path in paths]
    yield "## Filters\n"
    yield "\n".join(plugin_table("filter", found, "name")) + "\n"


def plugin_table(kind: str, found: Iterable[dict[str, Any]], key: str) -> list[str]:
    return table(
        [kind, "does", "more"], [[f"`{d[key]}`", d["short_description"], words(d["description"])] for d in found]
    )


def words(description: str | list[str]) -> str:
    """A description as one paragraph of Markdown."""
    text = description if isinstance(description, str) else " ".join(description)
    return MARKUP.sub(lambda match: f"`{KIND.sub('', FOREIGN.sub('', match[1]))}`", text)


def table(head: list[str], rows: Iterable[list[str]]) -> list[str]:
    return [line(head), "|" + "--|" * len(head), *map(line, rows)]


def line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def main(arguments: list[str]) -> int:
    if arguments == ["--check"]:
        current = PAGE.exists() and PAGE.read_text(encoding="utf-8") == page()
        print(f"{PAGE.relative_to(ROOT)} is " + ("up to date" if current else f"stale; run {COMMAND}"))
        return 0 if current else 1
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
