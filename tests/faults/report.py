"""All verdicts so far, for people: `make report` writes them as Markdown and as a page, `KEEP=1` into the documents."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pauses import phases

from faults.page import Chapter, page
from faults.plots import acknowledgements, phase_bar
from faults.table import HEADINGS, Verdict, by_test, named, rows

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".ansible" / "faults"
VERDICTS, SURROUNDINGS = FOLDER / "verdicts.jsonl", FOLDER / "surroundings.json"
BENCHES = ROOT / ".ansible" / "bench"
KEPT = ROOT / "docs"
TITLE = "Faults under load"
MEANING = (
    "Every run has eight clients write through all endpoints, and others read, while something breaks. A gap is the"
    " longest time that a client was without an acknowledgement (of pooled-ro: without an answer), p50 and the most of"
    " all runs, with what is promised where that was not kept: on a machine that is slow and shared, a test lets twice"
    " the promised time pass, and what the fault itself takes; errors: statements of open sessions that failed; whole"
    " after: seconds from the end of the fault until every member, every etcd and every proxy was back."
)


def markdown(table: Iterable[Sequence[str]], surroundings: Mapping[str, str]) -> str:
    about = "".join(f"- {name}: {value}\n" for name, value in surroundings.items())
    lines = [HEADINGS, ["--"] * len(HEADINGS), *table]
    return f"# {TITLE}\n\n{MEANING}\n\n{about}\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)


def chapters(verdicts: Iterable[Verdict]) -> list[Chapter]:
    """The newest run of each test, as a picture with what was wrong with it."""
    return [chapter(test, runs) for test, runs in by_test(verdicts).items()]


def chapter(test: str, runs: Sequence[Verdict]) -> Chapter:
    failures = [str(run["failed"]) for run in runs if "failed" in run]
    judged = [run for run in runs if "failed" not in run]
    if not judged:
        return Chapter(named(test), "", failures)
    told = filter(None, [judged[-1]["told"]])
    return Chapter(named(test), acknowledgements(judged[-1]), [*told, *judged[-1]["problems"], *failures])


def of_one_collection(verdicts: Iterable[Verdict], collection: str) -> list[Verdict]:
    """Those of the code that the report is about."""
    return [verdict for verdict in verdicts if verdict["collection"] == collection]


def bench_chapters(folder: Path) -> list[Chapter]:
    """What benchmarks left behind, where they ran."""
    found: list[Chapter] = []
    if (told := folder / "switchover.json").exists():
        runs = json.loads(told.read_text())["phases"]
        found.append(Chapter(f"Phases of a switchover, median of {len(runs)}", phase_bar(phases(runs)), []))
    if (table := folder / "overhead.txt").exists():
        found.append(Chapter("What replication and proxies cost", "", table.read_text().splitlines()))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", action="store_true", help="also below docs/, as evidence")
    keep = parser.parse_args().keep
    if not VERDICTS.exists():
        print(f"there are no verdicts in {VERDICTS}: `make faults` makes them", file=sys.stderr)
        return 1
    surroundings = json.loads(SURROUNDINGS.read_text())
    told_ever = [json.loads(line) for line in VERDICTS.read_text().splitlines()]
    verdicts = of_one_collection(told_ever, surroundings["collection"])
    print(f"{len(told_ever) - len(verdicts)} verdicts of other code are left out", file=sys.stderr)
    table = rows(verdicts)
    told = markdown(table, surroundings)
    shown = page(TITLE, MEANING, surroundings, [HEADINGS, *table], [*chapters(verdicts), *bench_chapters(BENCHES)])
    places = [FOLDER / "report", *([KEPT / "faults"] if keep else [])]
    for place in places:
        place.with_suffix(".md").write_text(told)
        place.with_suffix(".html").write_text(shown)
    print(told, *(f"{place}.html" for place in places), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
