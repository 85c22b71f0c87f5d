# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether an archive has more than is replayed; how a command fetches, and what its exit codes mean."""

from __future__ import annotations

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.fetched_wal import FetchedWal
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import RemoteError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.following import has_more
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.following import BEHIND, REPLAYED
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.wal import SEGMENT_BYTES, Segment


@pytest.fixture
def own(tmp_path):
    (tmp_path / "own" / "pg_wal").mkdir(parents=True)
    (tmp_path / "kept").mkdir()
    return tmp_path


def ask(own, archive, replayed, timeline=1):
    told = {
        "replay_lsn": replayed,
        "segment_bytes": SEGMENT_BYTES,
        "timeline": timeline,
        "data_directory": str(own / "own"),
    }

    def fetch(name, to):
        if name in archive:
            to.write_text(archive[name])
        return name in archive

    return has_more(told, fetch, own / "kept")


FIVE, SIX, SEVEN = (Segment(1, number).name() for number in (5, 6, 7))


@pytest.mark.parametrize(
    ("archive", "replayed", "state"),
    [
        ({FIVE: "five"}, "0/6000000", REPLAYED),  # to the very end of the fifth
        ({FIVE: "five", SIX: "six"}, "0/6000000", BEHIND),
        ({FIVE: "five"}, "0/5FFFF00", REPLAYED),  # a record goes on in the sixth
        ({FIVE: "five", SIX: "six"}, "0/5FFFF00", BEHIND),
        ({}, "0/5000060", REPLAYED),  # streamed
        ({SIX: "six"}, "0/6000100", BEHIND),  # PostgreSQL has not fetched the sixth
        ({}, None, BEHIND),
    ],
)
def test_the_next_segment(own, archive, replayed, state):
    (own / "own" / "pg_wal" / FIVE).write_text("five")
    assert ask(own, archive, replayed) == state


def test_a_timeline_that_begins_later(own):
    archive = {"00000002.history": "1\t0/7000000\tno recovery target specified\n"}
    assert ask(own, archive, "0/6000000") == BEHIND
    assert ask(own, archive, "0/7000000") == REPLAYED


def test_after_two_promotions_the_newest_timeline_counts(own):
    archive = {
        "00000002.history": "1\t0/5000000\tx\n",
        "00000003.history": "1\t0/5000000\tx\n2\t0/6000000\tx\n",
        Segment(3, 6).name(): "six",
    }
    assert ask(own, archive, "0/6000000") == BEHIND
    del archive[Segment(3, 6).name()]
    assert ask(own, archive, "0/6000000") == REPLAYED


@pytest.mark.parametrize(
    ("command", "found"),
    [('cp kept/%f "%p"', True), ("test %f = other", False), ("exit 1", False)],
)
def test_a_command_fetches(own, command, found, monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    (own / "kept" / "file").write_text("content")
    assert FetchedWal(command, own).fetch("file", own / "here") is found
    assert not found or (own / "here").read_text() == "content"


def test_the_line_that_tells_why_is_shown(own, monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    said = "printf 'P00 WARN: x\\nP00 ERROR: [082]: unable to get\\n HINT: look\\n'; exit 82"
    with pytest.raises(RemoteError, match=r"exit code 82: P00 ERROR: \[082\]: unable to get$"):
        FetchedWal(said, own).fetch("file", own / "here")


@pytest.mark.parametrize("command", ["echo no route >&2; exit 103", "no-such-program", "sleep 60"])
def test_an_archive_that_does_not_answer(own, command, monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(RemoteError, match="asking the archive for file"):
        FetchedWal(command, own, seconds=0.5).fetch("file", own / "here")
