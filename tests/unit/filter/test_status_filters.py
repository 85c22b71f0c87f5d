# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jinja2
import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.matriarch.pgcluster.plugins.filter.status import FilterModule
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import ClusterState
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.host_report import parse_reports
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.status import Status, Sync
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.status_plots import COLOURS
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.verdict import judge
from ansible_collections.matriarch.pgcluster.tests.unit.fakes import report as fake
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.patroni import member

FILTERS = FilterModule().filters()
TEMPLATES = Path(__file__).resolve().parents[3] / "roles" / "status" / "templates"
EVIL = "<script>alert(1)</script>{{ 7 * 7 }}'\"\n&"
ETCD: dict[str, Any] = {
    "cluster_id": "dc9",
    "leader": "pg1",
    "quorum": 2,
    "members": [
        {
            "name": name,
            "id": name,
            "is_learner": False,
            "healthy": name != "pg3",
            "db_size_bytes": 20480,
            "version": "3.5.16",
            "error": "no answer in time" if name == "pg3" else None,
        }
        for name in fake.MEMBERS
    ],
    "alarms": [{"member_id": "pg2", "alarm": "NOSPACE"}],
}


def topology(*names: str) -> dict[str, Any]:
    group = dict.fromkeys(names, "192.0.2.1")
    return {"etcd": group, "postgres": group, "proxy": group, "hosts": list(names)}


THREE = topology(*fake.MEMBERS)


def answer(*members: dict[str, Any], hosts: dict[str, Any] | None = None, **told: Any) -> dict[str, Any]:
    """What patroni_cluster_info returns, etcd aside."""
    listed = members or (member("pg1", "leader"), member("pg2", "sync_standby"), member("pg3"))
    cluster = ClusterState.from_json({"members": list(listed), "scope": "shop", **told})
    reports = parse_reports(fake.hosts() if hosts is None else hosts)
    status = Status(cluster, sync=Sync("sync", strict=True, standbys=("pg2",)), hosts=reports)
    verdict = judge(status)
    return {**status.facts(), "etcd": ETCD, "verdict": verdict.word, "reasons": verdict.reasons()}


def text(told: dict[str, Any]) -> list[str]:
    return FILTERS["status_text"](told, "shop")


def line(told: dict[str, Any], start: str) -> list[str]:
    """The words of the first line that begins with this."""
    return next(each for each in text(told) if each.startswith(start)).split()


def view(told: dict[str, Any], hosts: dict[str, Any] | None = None) -> dict[str, Any]:
    return FILTERS["status_view"](told, "shop", THREE if hosts is None else hosts)


def page(*views: dict[str, Any]) -> str:
    loader = jinja2.FileSystemLoader(TEMPLATES)
    jinja = jinja2.Environment(trim_blocks=True, undefined=jinja2.StrictUndefined, loader=loader)
    told = {"__status_views": views, "__status_moment": "2026-11-22 06:00:00 UTC"}
    return jinja.get_template("page.html.j2").render(told)


def remembered(name: str = "pg1", **more: Any) -> dict[str, Any]:
    """What monitoring_info returns."""
    line = {"name": name, "points": [[1000.0, 1.0], [1010.0, 0.0], [1300.0, 1.0]]}
    charts = [{"name": "disks", "title": "Fullest file system", "unit": "share", "lines": [line]}]
    told = {"begin": 1000.0, "end": 1300.0, "step": 10.0, "leaders": [line], "charts": charts, "alerts": []}
    return {**told, "full_in_seconds": 7200.0, **more}


def page_with(told: dict[str, Any]) -> str:
    return page({**view(answer()), "plots": FILTERS["status_plots"](told, "mon1")})


class TestHosts:
    def test_a_report_is_taken_without_ansibles_own_words(self) -> None:
        told = {"told": {**fake.report(), "changed": False, "failed": False}}
        hosts = FILTERS["status_hosts"](THREE, {"pg1": told, "pg2": {}, "pg3": {}}, "told", THREE["hosts"])
        assert hosts["pg1"] == {"etcd": True, "postgres": True, "proxy": True, "report": fake.report()}

    @pytest.mark.parametrize(
        "variables",
        [{}, {"told": {"unreachable": True, "msg": "x"}}, {"told": {"failed": True, "msg": "x"}}, {"told": None}],
    )
    def test_a_host_that_told_nothing_has_no_report(self, variables: dict[str, Any]) -> None:
        hosts = FILTERS["status_hosts"](topology("pg1"), {"pg1": variables}, "told", ["pg1"])
        assert hosts["pg1"]["report"] is None

    def test_what_a_host_does_for_another_cluster_is_not_judged_in_this_one(self) -> None:
        lent = {**topology("pg1", "pg2"), "postgres": {"pg1": ""}, "proxy": {"pg1": ""}}
        told = {name: {"told": fake.report(leads=True, outdated_units=["patroni.service"])} for name in ("pg1", "pg2")}
        hosts = FILTERS["status_hosts"](lent, told, "told", lent["hosts"])
        assert hosts["pg1"]["report"] == told["pg1"]["told"]
        other = hosts["pg2"]["report"]
        assert (other["postgres"], other["backups"], other["haproxy"], other["poolers"]) == (None, None, None, {})
        assert (other["units"], other["outdated_units"]) == ({"etcd.service": "active"}, [])
        parsed = parse_reports(hosts)
        state = ClusterState.from_json({"members": [member("pg1", "leader")], "scope": "shop"})
        problems = [each["problem"] for each in judge(Status(state, hosts=parsed)).reasons()]
        assert not [each for each in problems if "take writes" in each]
        assert not [each for each in problems if "pg2" in each]

    def test_who_was_not_asked_is_left_out(self) -> None:
        assert list(FILTERS["status_hosts"](THREE, {"pg2": {}}, "told", ["pg2"])) == ["pg2"]

    def test_a_cluster_of_which_nobody_answers_is_critical(self) -> None:
        told = FILTERS["status_of_silence"](THREE, ["pg1", "pg2"])
        assert (told["verdict"], told["silent_hosts"], told["cluster"]) == ("critical", ["pg1", "pg2"], None)
        assert "cluster: no host answers" in " ".join(text(told))
        assert {box["state"] for box in view(told)["picture"]["boxes"]} == {"plain", "down"}
        json.dumps(told)


class TestText:
    def test_the_members_as_patronictl_lists_them(self) -> None:
        waits = {"pending_restart": True, "pending_restart_reason": {"max_connections": {}}}
        told = answer(
            member("pg1", "leader", **waits),
            member("pg2", "sync_standby", receive_lag=1536, replay_lag="unknown", tags={"nofailover": True}),
        )
        lines = text(told)
        assert lines[0] == "Cluster shop is degraded; synchronous, strict"
        assert lines[2].split("  ")[1] == "member"
        assert line(told, "  pg1") == ["pg1", "leader", "running", "3", "max_connections"]
        expected = "pg2 sync_standby streaming 3 1.5 KiB ? 0 B nofailover: True"
        assert line(told, "  pg2") == expected.split()

    def test_columns_are_aligned(self) -> None:
        lines = text(answer())
        start = lines.index("") + 1
        table = lines[start : lines.index("", start)]
        assert (
            len({row.find(word) for row, word in zip(table, ("role", "leader", "sync", "replica"), strict=True)}) == 1
        )

    def test_every_part_is_shown(self) -> None:
        told = answer(hosts=fake.hosts(pg2=fake.report(haproxy=None, poolers={"rw": None}), pg3=None))
        lines = "\n".join(text(told))
        for words in (
            r"pg3 +follower +no answer in time",
            r"pg2 +follower +healthy +20.0 KiB +3.5.16 +NOSPACE",
            r"pg1 +pg1 +pg2, pg3",
            r"pg2 +does not answer",
            r"pg2 +rw +does not answer",
            r"pg1 +rw +running +4 +0",
            r"pg1 +/etc/matriarch/tls/host.crt +2027-11-08T12:00:00Z +300",
            r"degraded  pg3: the host does not answer\n +next: bring it back, then ansible-playbook site.yml",
        ):
            assert re.search(words, lines), words

    def test_servers_that_a_proxy_does_without_are_named(self) -> None:
        told = answer(hosts=fake.hosts(pg1=fake.report(leads=True, haproxy=fake.servers("pg1", pg3="MAINT"))))
        assert "  pg1    pg1           pg2          pg3 (MAINT)" in text(told)

    def test_without_patroni_each_postgresql_has_the_word(self) -> None:
        told = {**answer(), "cluster": None}
        assert line(told, "  pg1") == ["pg1", "primary", "3", "0/5000060"]
        assert line(told, "  pg2") == ["pg2", "standby", "3", "0/5000060"]

    def test_hostile_names_stay_on_their_line(self) -> None:
        told = answer(member(EVIL, "leader"), member("pg2\x1b[2J"))
        lines = text(told)
        assert not any("\n" in each or "\x1b" in each for each in lines)
        assert any("{{ 7 * 7 }}" in each for each in lines)


class TestPicture:
    def test_the_leader_stands_on_top(self) -> None:
        told = answer(member("pg1"), member("pg2", "leader"), member("pg3", "sync_standby"))
        boxes = [box for box in view(told)["picture"]["boxes"] if any("timeline 3" in each for each in box["lines"])]
        assert [(box["name"], box["leads"]) for box in boxes] == [("pg2", True), ("pg1", False), ("pg3", False)]
        assert boxes[0]["y"] < boxes[1]["y"] < boxes[2]["y"]

    def test_the_lines_are_those_of_the_running_cluster(self) -> None:
        kinds = [each["kind"] for each in view(answer())["picture"]["lines"]]
        assert {kind: kinds.count(kind) for kind in kinds} == {
            "connect": 3,
            "write": 3,
            "read": 6,
            "commit": 1,
            "stream": 1,
        }

    def test_nothing_leads_to_what_is_down(self) -> None:
        silent = answer(member("pg1", "leader"), member("pg2", state="stopped"), hosts=fake.hosts(pg1=None))
        picture = view(silent)["picture"]
        kinds = [each["kind"] for each in picture["lines"]]
        assert (kinds.count("connect"), kinds.count("stream"), kinds.count("commit")) == (2, 0, 0)
        states = {(box["name"], tuple(box["lines"])): box["state"] for box in picture["boxes"]}
        assert states["pg1", ("does not answer",)] == "down"
        assert states["pg3", ("standby", "timeline 3")] == "weak"

    @pytest.mark.parametrize(
        ("changes", "state"),
        [
            ({}, "ok"),
            ({"timeline": 2}, "weak"),
            ({"pending_restart": True}, "weak"),
            ({"state": "starting"}, "down"),
        ],
    )
    def test_the_state_of_a_member(self, changes: dict[str, Any], state: str) -> None:
        told = answer(member("pg1", "leader"), member("only", **changes))
        assert [box["state"] for box in view(told)["picture"]["boxes"] if box["name"] == "only"] == [state]

    def test_the_state_of_a_proxy(self) -> None:
        reports = {
            "pg1": fake.report(poolers={"rw": fake.pooler(paused=True)}),
            "pg2": fake.report(haproxy=fake.servers(None)),
            "pg3": fake.report(poolers={"rw": None}),
        }
        told = answer(hosts=fake.hosts(**reports))
        proxies = [box for box in view(told)["picture"]["boxes"] if any(" pool: " in each for each in box["lines"])]
        assert [box["state"] for box in proxies] == ["weak", "down", "weak"]

    def test_everything_lies_within_the_picture(self) -> None:
        names = [f"pg{number}" for number in range(1, 8)]
        picture = view(answer(*(member(name) for name in names)), topology(*names))["picture"]
        for box in picture["boxes"]:
            assert 0 <= box["x"] <= box["x"] + box["width"] <= picture["width"]
            assert 0 <= box["y"] <= box["y"] + box["height"] <= picture["height"]

    def test_long_names_are_cut(self) -> None:
        told = answer(member("x" * 200, "leader"))
        assert max(len(box["title"]) for box in view(told)["picture"]["boxes"]) < 30


class TestPage:
    def test_it_needs_nothing_from_elsewhere(self) -> None:
        html = page(view(answer()))
        assert re.findall(r"(?:src|href)=|@import|https?://|url\((?!#)", html) == []
        assert "prefers-color-scheme: dark" in html
        assert html.count("<svg viewBox") == 1

    def test_it_shows_each_cluster(self) -> None:
        html = page(view(answer()), view(FILTERS["status_of_silence"](THREE, THREE["hosts"])))
        assert html.count("<section>") == 2
        assert 'class="verdict critical"' in html
        assert "2026-11-22 06:00:00 UTC" in html

    def test_hostile_names_are_text(self) -> None:
        told = answer(member(EVIL, "leader"), member("pg2", state=EVIL, pending_restart=True))
        told["etcd"] = {**ETCD, "members": [{**ETCD["members"][0], "name": EVIL, "error": EVIL, "healthy": False}]}
        html = page(FILTERS["status_view"](told, EVIL, topology(EVIL)))
        assert "<script>" not in html
        assert "&lt;script&gt;alert(1)" in html


class TestPlots:
    def test_they_need_nothing_from_elsewhere(self) -> None:
        html = page_with(remembered())
        assert re.findall(r"(?:src|href)=|@import|https?://|url\((?!#)|<script", html) == []
        assert html.count("<svg viewBox") == 3
        assert "full in 2 h" in html
        assert "None fires." in html

    def test_each_colour_of_a_line_has_its_place_in_both_styles(self) -> None:
        html = page_with(remembered())
        for number in range(COLOURS):
            assert html.count(f"--c{number}: #") == 2
            assert f".curve.c{number} " in html

    def test_what_fires_is_told_with_its_page(self) -> None:
        alert = {"name": "MatriarchReplicaLag", "severity": "warning", "summary": "pg2 is late"}
        more = {"runbook": "https://there/#lag", "since": "2026-11-26T12:00:00.5Z"}
        html = page_with(remembered(alerts=[{**alert, **more}]))
        assert "<b>MatriarchReplicaLag</b>: pg2 is late, since 2026-11-26 12:00:00 UTC" in html
        assert "<code>https://there/#lag</code>" in html

    def test_hostile_words_are_text(self) -> None:
        alert = dict.fromkeys(("name", "severity", "summary", "runbook", "since"), EVIL)
        html = page_with(remembered(EVIL, alerts=[alert]))
        assert "<script>" not in html
        assert "&lt;script&gt;alert(1)" in html

    @pytest.mark.parametrize(
        ("told", "words"),
        [
            (
                {"failed": True, "msg": "GET /api on http://127.0.0.1:9090: no\nanswer"},
                "http://127.0.0.1:9090: no answer",
            ),
            ({"failed": True, "msg": "Timed out"}, "does not tell: Timed out"),
            ({"unreachable": True, "msg": "ssh: <no> route"}, "ssh: &lt;no&gt; route"),
            ({"skipped": True}, "it was not asked"),
        ],
    )
    def test_a_prometheus_that_does_not_tell_is_one_line(self, told: dict[str, Any], words: str) -> None:
        html = page_with(told)
        assert "Prometheus on mon1 does not tell: " in html
        assert words in html
        assert html.count("<svg viewBox") == 1

    def test_what_is_no_history_is_refused(self) -> None:
        with pytest.raises(AnsibleFilterError, match="no history"):
            FILTERS["status_plots"]({"charts": []}, "mon1")


@pytest.mark.parametrize("odd", [{}, {"verdict": "stable"}, {"cluster": 7, "sync": {}}])
def test_what_is_no_status_is_refused(odd: dict[str, Any]) -> None:
    with pytest.raises(AnsibleFilterError, match="no status"):
        FILTERS["status_text"](odd, "shop")
    with pytest.raises(AnsibleFilterError, match="no status"):
        FILTERS["status_view"](odd, "shop", THREE)


def test_a_standby_cluster_says_so() -> None:
    told = answer(member("pg1", "standby_leader", state="in archive recovery"), member("pg2"))
    assert "a standby cluster" in text(told)[0]
    following = {"replayed": "0/5", "archive": "replayed", "reason": "", "last_commit_at": ""}
    told["following"]["pg1"] = {**following, "last_commit_age_seconds": 12.3}
    assert "a standby cluster: the last replayed commit is 12 s old, and the archive has nothing newer" in text(told)[0]
