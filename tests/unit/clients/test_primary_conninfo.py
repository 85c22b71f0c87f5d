# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.primary_conninfo import point_at, points_at

BEFORE = "# primary_conninfo = 'host=nobody'\nport = '5432'\n"
AFTER = "recovery_target_timeline = 'latest'\n"


def configuration(conninfo: str, equals: str = " = ") -> str:
    return f"{BEFORE}primary_conninfo{equals}'{conninfo}'\n{AFTER}"


@pytest.mark.parametrize(
    ("conninfo", "pointed"),
    [
        ("host=10.0.0.1 port=5432", "host=pg2 port=6000"),
        ("user=replicator passfile=/run/patroni/pgpass host=pg1 port=5432 sslmode=verify-full",
         "user=replicator passfile=/run/patroni/pgpass host=pg2 port=6000 sslmode=verify-full"),
        ("port=5432 host=fd00::1 application_name=pg3", "port=6000 host=pg2 application_name=pg3"),
        ("host=pg1 hostaddr=10.0.0.1 port=5432", "host=pg2 hostaddr=10.0.0.1 port=6000"),
        ("host=pg1", "host=pg2"),
        ("user=it''s host=pg1 port=5432", "user=it''s host=pg2 port=6000"),
        ("ghost=x host=pg1 port=1", "ghost=x host=pg2 port=6000"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("equals", [" = ", "="])
def test_host_and_port_are_exchanged_and_nothing_else(conninfo, pointed, equals):
    text = points_at(configuration(conninfo, equals), "pg2", 6000)
    assert text == configuration(pointed, equals)
    assert points_at(text, "pg2", 6000) == text


@pytest.mark.parametrize(
    "text", ["", BEFORE, configuration(""), configuration("user=x"), configuration("hostaddr=10.0.0.1")]
)
def test_a_member_that_follows_nobody_is_told(text):
    with pytest.raises(ValueError, match="has no primary_conninfo with a host"):
        points_at(text, "pg2", 5432)


@pytest.mark.parametrize("host", ["a b", "a'b", "a\nport = 1", "a\\1", "\t"])
def test_a_host_that_would_be_more_than_a_host_is_refused(host):
    with pytest.raises(ValueError, match="is not a host's address"):
        points_at(configuration("host=pg1 port=1"), host, 5432)


@pytest.mark.parametrize("host", ["{{x}}", "é", "$(id)", "../x"])
def test_strange_hosts_are_only_text(host):
    assert f"host={host} port=2" in points_at(configuration("host=pg1 port=1"), host, 2)


def test_the_file_keeps_its_mode_and_is_written_only_for_a_change(tmp_path):
    path = tmp_path / "postgresql.conf"
    path.write_text(configuration("host=pg1 port=5432 application_name=é"), encoding="utf-8")
    path.chmod(0o640)
    assert point_at(path, "pg2", 5432) is True
    written = path.stat()
    assert path.read_text(encoding="utf-8") == configuration("host=pg2 port=5432 application_name=é")
    assert written.st_mode & 0o7777 == 0o640
    assert point_at(path, "pg2", 5432) is False
    assert path.stat().st_ino == written.st_ino
    assert [each.name for each in tmp_path.iterdir()] == ["postgresql.conf"]
