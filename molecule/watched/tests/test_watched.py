"""What Prometheus learns of backups and drills is what they are; what goes wrong with them is told, and ends."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from integration.backups import leading, told
from integration.inventory import Cluster, Machine
from integration.operations import play
from integration.prometheus import HOST, Prometheus
from integration.watch import eventually
from lab import Lab
from testinfra.host import Host

Login = Callable[[Machine], Host]

FIRST_BACKUP_SECONDS = 300
A_LOOK_SECONDS = 150  # each host looks at what it knows once a minute
TOLD_SECONDS = 180
S3_PORT = 8443
DASHBOARD = Path(__file__).resolve().parents[3] / "docs/dashboards/backups.json"
RULES = ("alerts.yml", "records.yml")
METRIC = re.compile(r"\bmatriarch_backup_\w+")
PROOF = "/var/lib/matriarch/backup/proof.json"
PSQL = "runuser -u postgres -- psql -qXAt -d postgres"


@pytest.fixture(scope="module")
def newest(cluster: Cluster) -> dict[str, Any]:
    """The first backup, when there is one."""
    eventually("there is a backup", FIRST_BACKUP_SECONDS, lambda: told(cluster)["backups"] != [])
    backup: dict[str, Any] = told(cluster)["backups"][0]
    return backup


@pytest.fixture(scope="module")
def drilled(cluster: Cluster, login: Login, newest: dict[str, Any]) -> dict[str, Any]:
    """The facts of a good drill."""
    assert newest
    eventually("a drill is possible", FIRST_BACKUP_SECONDS, lambda: play(cluster, "restore_drill", check=True).ok)
    done = play(cluster, "restore_drill", seconds=900)
    assert done.ok, done.tail
    known = [json.loads(login(m).file(PROOF).content_string) for m in cluster.postgres if login(m).file(PROOF).exists]
    drill = max((each["drill"] for each in known if each["drill"]), key=lambda each: str(each["at"]))
    facts: dict[str, Any] = {"at": drill["at"], **drill["facts"]}
    return facts


@pytest.fixture
def without_storage(lab: Lab) -> Iterator[Callable[[], None]]:
    """Nobody reaches the storage until what this yields is called."""

    def heal() -> None:
        lab.unblock("s3")

    lab.block("s3", ports=[S3_PORT])
    yield heal
    heal()


@pytest.fixture
def a_row_too_many(cluster: Cluster, login: Login) -> Iterator[Callable[[], None]]:
    """A canary that claims to have been written long ago, and is in no archive."""
    leader = login(leading(cluster))
    row = "INSERT INTO matriarch.canary SELECT max(number) + 1, now(), '0/1' FROM matriarch.canary"

    def heal() -> None:
        leader.check_output(f"{PSQL} -c \"DELETE FROM matriarch.canary WHERE position = '0/1'\"")

    leader.check_output(f"{PSQL} -c 'SELECT pg_switch_wal()'")
    for _row in range(2):
        leader.check_output(f'{PSQL} -c "{row}"')
    yield heal
    heal()


def unix(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def test_the_newest_backup_is_measured(prometheus: Prometheus, newest: dict[str, Any]) -> None:
    ends, size = "matriarch_backup_stopped_timestamp_seconds", "matriarch_backup_stored_bytes"
    stopped = unix(newest["stopped"])
    prometheus.wait("every member knows", A_LOOK_SECONDS, lambda: prometheus.value(f"count({ends} == {stopped})") == 3)
    assert prometheus.value(f"max({size})") == newest["stored_bytes"]
    assert prometheus.value("min(matriarch_backup_readable)") == 1


def test_a_drill_is_measured(prometheus: Prometheus, drilled: dict[str, Any]) -> None:
    proven = 'max(matriarch_backup_trial_proven_timestamp_seconds{trial="drill"})'
    at = unix(drilled["at"])
    prometheus.wait("the drill is known", A_LOOK_SECONDS, lambda: bool(prometheus.query(f"{proven} == {at}")))
    assert prometheus.value("max(matriarch_backup_drill_rto_seconds)") == pytest.approx(drilled["rto_seconds"])
    assert prometheus.value("max(matriarch_backup_drill_rpo_seconds)") == pytest.approx(drilled["rpo_seconds"])


def test_all_that_rules_and_the_dashboard_ask_for_is_known(
    prometheus: Prometheus, lab: Lab, drilled: dict[str, Any]
) -> None:
    assert drilled
    texts = [lab.execute(HOST, "cat", f"/etc/prometheus/matriarch/{name}").stdout for name in RULES]
    asked = {name for text in [*texts, DASHBOARD.read_text(encoding="utf-8")] for name in METRIC.findall(text)}
    assert len(asked) > 5
    prometheus.wait("all is known", A_LOOK_SECONDS, lambda: asked <= prometheus.names())


def test_nothing_is_told_of_good_backups(prometheus: Prometheus, drilled: dict[str, Any]) -> None:
    assert drilled
    prometheus.wait("nothing is told", TOLD_SECONDS, lambda: of_backups(prometheus) == set())


def of_backups(prometheus: Prometheus) -> set[str]:
    """The alerts that fire for backups, drills and the archive."""
    return {name for name in prometheus.firing() if re.search("Backup|Repository|Archive|Wal|Drill|Trial", name)}


def test_a_dead_repository_is_told_and_ends(
    prometheus: Prometheus, cluster: Cluster, login: Login, without_storage: Callable[[], None]
) -> None:
    login(leading(cluster)).check_output(
        f"{PSQL} -c 'SELECT pg_logical_emit_message(true, $$a$$, $$b$$), pg_switch_wal()'"
    )
    tried = play(cluster, "backup")
    assert not tried.ok
    assert "timeout connecting" in tried.stdout, tried.tail
    assert "splitlines" not in tried.stdout, tried.tail
    expected = {"MatriarchArchiveFails", "MatriarchRepositoryUnreadable"}
    prometheus.wait(f"{sorted(expected)} are told", TOLD_SECONDS, lambda: expected <= of_backups(prometheus))
    without_storage()
    # A member that could not read the repository asks again the next minute.
    prometheus.wait("that is over", 2 * TOLD_SECONDS, lambda: of_backups(prometheus) == set())


def test_a_bad_drill_is_told_and_a_good_one_ends_it(
    prometheus: Prometheus, cluster: Cluster, drilled: dict[str, Any], a_row_too_many: Callable[[], None]
) -> None:
    assert drilled
    assert not play(cluster, "restore_drill", seconds=900).ok
    prometheus.wait("the bad drill is told", TOLD_SECONDS, lambda: "MatriarchTrialFailed" in of_backups(prometheus))
    a_row_too_many()
    done = play(cluster, "restore_drill", seconds=900)
    assert done.ok, done.tail
    prometheus.wait("that is over", TOLD_SECONDS, lambda: of_backups(prometheus) == set())
