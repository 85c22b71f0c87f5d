# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host tells of itself, in the words that Prometheus reads."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.monitoring import program
from ansible_collections.matriarch.pgcluster.plugins.module_utils.monitoring.exposition import Gauge, Sample, text
from ansible_collections.matriarch.pgcluster.plugins.module_utils.monitoring.gauges import Found, gauges

from ..hosts.program import ROLES

NEWEST = {
    "label": "20261126-010000F",
    "kind": "full",
    "started": "2026-11-26T01:00:00Z",
    "stopped": "2026-11-26T01:10:00Z",
    "size_bytes": 4096,
    "stored_bytes": None,
}
TRIAL = {"at": "2026-11-25T03:00:00Z", "good": True, "facts": {"rpo_seconds": 12.5, "rto_seconds": 90.0}}
PROOF = {"drill": {**TRIAL, "good": False}, "good_drill": TRIAL, "verification": None, "good_verification": None}
BACKUPS = {
    "interval_hours": 24,
    "checked_at": "2026-11-26T02:00:00Z",
    "repositories": [
        {"repository": "one", "newest": NEWEST, "problem": ""},
        {"repository": "two", "newest": None, "problem": "it is away"},
    ],
    "failure": "no",
    "missing": "",
    "unmended": "",
    "proof": PROOF,
    "drill": {"interval_hours": 168, "failure": ""},
}


def told(**found):
    """Values by name and labels."""
    lines = text(gauges(Found("0.1.0", "zero_loss", **found))).splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


def unix(words):
    return datetime.fromisoformat(words).replace(tzinfo=UTC).timestamp()


def test_a_host_with_nothing_tells_its_release_only():
    assert told() == {'matriarch_info{version="0.1.0",protection="zero_loss"}': 1}


@pytest.mark.parametrize(("size", "there"), [(0, 0), (4096, 1)])
def test_the_ballast_is_there_or_used_up(size, there):
    found = told(ballast_bytes=size)
    assert (found["matriarch_ballast_present"], found["matriarch_ballast_bytes"]) == (there, size)


def test_certificates_and_clock():
    found = told(certificates={"/a.crt": 100.0}, clock_synchronized=False)
    assert found['matriarch_certificate_expiry_timestamp_seconds{path="/a.crt"}'] == 100
    assert found["matriarch_clock_synchronized"] == 0


def test_backups_by_repository():
    found = told(backups=BACKUPS)
    assert found["matriarch_backup_interval_seconds"] == 86400
    assert found["matriarch_backup_checked_timestamp_seconds"] == unix("2026-11-26T02:00:00")
    assert found['matriarch_backup_stopped_timestamp_seconds{repository="1"}'] == unix("2026-11-26T01:10:00")
    assert 'matriarch_backup_stopped_timestamp_seconds{repository="2"}' not in found
    assert (found['matriarch_backup_readable{repository="1"}'], found['matriarch_backup_readable{repository="2"}']) == (
        1,
        0,
    )
    assert found['matriarch_backup_size_bytes{repository="1"}'] == 4096
    assert not [name for name in found if name.startswith("matriarch_backup_stored_bytes")]
    assert (found["matriarch_backup_failed"], found["matriarch_backup_wal_missing"]) == (1, 0)


def test_a_bad_drill_does_not_hide_the_last_good_one():
    found = told(backups=BACKUPS)
    assert found['matriarch_backup_trial_good{trial="drill"}'] == 0
    assert found['matriarch_backup_trial_proven_timestamp_seconds{trial="drill"}'] == unix("2026-11-25T03:00:00")
    assert (found["matriarch_backup_drill_rpo_seconds"], found["matriarch_backup_drill_rto_seconds"]) == (12.5, 90)
    assert found["matriarch_backup_drill_interval_seconds"] == 7 * 86400


def test_labels_are_quoted():
    gauge = Gauge("a", "what\nit is", (Sample(1, {"b": 'say "no"\\ \n'}),))
    assert text([gauge]) == '# HELP a what\\nit is\n# TYPE a gauge\na{b="say \\"no\\"\\\\ \\n"} 1.0\n'


def test_the_program_replaces_the_file_and_says_what_it_could_not_read(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(program, "clock_synchronized", lambda: True)
    (tmp_path / "ballast").write_bytes(b"x" * 4096)
    settings = {
        "file": str(tmp_path / "matriarch.prom"),
        "version": "1",
        "protection": "async",
        "certificates": [str(tmp_path / "none.crt")],
        "ballast_file": str(tmp_path / "ballast"),
        "backup_settings": str(tmp_path / "none.json"),
    }
    (tmp_path / "settings.json").write_text(json.dumps(settings))
    assert program.main(str(tmp_path / "settings.json")) == 1
    assert "none.crt" in capsys.readouterr().err
    written = (tmp_path / "matriarch.prom").read_text()
    assert "matriarch_ballast_present 1.0" in written
    assert "certificate" not in written


def test_where_no_backups_are_due_nothing_is_said_of_them():
    assert program._backups("", []) is None


def test_a_container_is_not_told_its_clock(monkeypatch):
    def refuse():
        raise PermissionError(1, "adjtimex failed")

    problems: list[str] = []
    monkeypatch.setattr(program, "clock_synchronized", refuse)
    assert program._clock(problems) is None
    assert problems == []


def test_a_clock_that_cannot_be_read_is_said(monkeypatch):
    def fail():
        raise OSError(22, "adjtimex failed")

    problems: list[str] = []
    monkeypatch.setattr(program, "clock_synchronized", fail)
    assert program._clock(problems) is None
    assert "adjtimex failed" in problems[0]


def test_a_ballast_of_holes_keeps_nothing_back(tmp_path):
    with (tmp_path / "ballast").open("wb") as file:
        file.truncate(1 << 20)
    assert program._ballast(str(tmp_path / "ballast")) == 0
    assert program._ballast(str(tmp_path / "none")) == 0
    assert program._ballast("") is None


def test_the_rules_ask_for_nothing_that_the_host_does_not_tell():
    rules = (ROLES / "monitoring" / "templates" / "alerts.yml.j2").read_text()
    own = set(re.findall(r"matriarch_(?:backup|ballast|certificate|clock)\w+", rules))
    everything = told(backups=BACKUPS, ballast_bytes=1, certificates={"/a": 1.0}, clock_synchronized=True)
    assert own <= {name.partition("{")[0] for name in everything}
