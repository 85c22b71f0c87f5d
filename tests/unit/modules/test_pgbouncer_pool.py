# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import tempfile
from itertools import product
from pathlib import Path

import pytest
from ansible_collections.matriarch.pgcluster.plugins.modules import pgbouncer_pool
from ansible_collections.matriarch.pgcluster.plugins.modules.pgbouncer_pool import Held, plan, wished
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.pgbouncer import VERSIONS, FakePgBouncer, client
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.systemd import FakeSystemd

UNIT = "matriarch-resume-rw"


@pytest.fixture
def systemd(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    return FakeSystemd(tmp_path)


@pytest.fixture(params=VERSIONS, ids=lambda words: words.version)
def fake(request, systemd):
    with tempfile.TemporaryDirectory(prefix="pool-") as name:
        pooler = FakePgBouncer(Path(name), 6432, request.param)
        yield pooler
        pooler.stop()


@pytest.fixture
def run(fake, run_module):
    def run_one(check_mode=False, **params):
        address = {"pool": "rw", "socket_directory": fake.server.directory, "port": fake.server.port}
        return run_module(pgbouncer_pool, check_mode=check_mode, **{**address, **params})

    return run_one


def test_four_times_paused(fake, systemd, run):
    """In check mode, really, in check mode again, really again."""
    answers = [run(check_mode, state="paused") for check_mode in (True, False, True, False)]
    assert [answer["changed"] for answer in answers] == [True, True, False, False]
    assert all(answer["paused"] and answer["armed"] for answer in answers)
    assert [answer["actions"] for answer in answers] == [["arm", "pause"], ["arm", "pause"], ["arm"], ["arm"]]
    assert answers[0]["diff"] == answers[1]["diff"]
    assert answers[0]["diff"]["before"] == {"paused": False, "armed": False}
    assert fake.orders == ["PAUSE"]
    assert len(systemd.calls("systemd-run")) == 2  # the second real run has extended the pause


def test_four_times_resumed(fake, systemd, run):
    run(state="paused")
    answers = [run(check_mode, state="resumed") for check_mode in (True, False, True, False)]
    assert [answer["changed"] for answer in answers] == [True, True, False, False]
    assert [answer["actions"] for answer in answers] == [["resume", "disarm"], ["resume", "disarm"], [], []]
    assert fake.orders == ["PAUSE", "RESUME"]
    assert systemd.armed == set()


def test_the_timer_sends_pgbouncers_own_signal_and_is_armed_before_the_pause(fake, systemd, run):
    armed_at_pause = []
    fake.at_pause = lambda: armed_at_pause.append(systemd.armed)
    run(state="paused", resume_after=12.5)
    assert armed_at_pause == [{UNIT}]
    (called,) = systemd.calls("systemd-run")
    assert "--on-active=12500ms" in called
    assert called[called.index("--") + 1 :] == [
        "systemctl",
        "kill",
        "--kill-whom=main",
        "--signal=SIGUSR2",
        "pgbouncer@rw.service",
    ]


def test_without_a_timer_when_told_so(fake, systemd, run):
    answer = run(state="paused", resume_after=0)
    assert (answer["actions"], answer["armed"]) == (["pause"], False)
    assert systemd.calls("systemd-run") == []


def test_no_pause_without_the_timer_that_was_wished(fake, systemd, run):
    systemd.refuse("systemd-run")
    answer = run(state="paused")
    assert answer["failed"]
    assert "arming matriarch-resume-rw" in answer["msg"]
    assert fake.orders == []


def test_a_pause_that_is_missed_is_undone_and_names_who_holds_on(fake, systemd, run):
    fake.holding += [client("late {{ x }}\n", ptr="0x2"), client("later", "2025-01-01 00:00:00 UTC")]
    answer = run(state="paused", wait_timeout=0.05)
    assert answer["failed"]
    assert [each["application_name"] for each in answer["blocking"]] == ["later", "late {{ x }}\n"]
    assert "'web' in 'shop' from 10.0.0.7:51002 ('later'), last request" in answer["msg"]
    assert "Next: end these" in answer["msg"]
    assert (fake.paused, fake.orders, systemd.armed) == (False, ["PAUSE", "RESUME"], set())


def test_a_pause_that_the_timer_ended_meanwhile_is_no_reason_to_resume_again(fake, systemd, run):
    fake.holding.append(client())
    fake.at_pause = lambda: setattr(fake, "paused", False)
    answer = run(state="paused", wait_timeout=0.05)
    assert answer["failed"]
    assert "transactions still ran after 0.05 s" in answer["msg"]
    assert fake.orders == ["PAUSE"]


def test_when_nobody_can_be_named_the_pooler_is_resumed_all_the_same(fake, systemd, run):
    fake.holding.append(client())
    fake.refused.add("SHOW SERVERS")
    answer = run(state="paused", wait_timeout=0.05)
    assert "PgBouncer names nobody" in answer["msg"]
    assert (answer["blocking"], fake.paused) == ([], False)


def test_reconnect_and_reload_act_each_time_and_never_in_check_mode(fake, run):
    assert [run(check, reconnect=True, reload=True)["actions"] for check in (True, False, False)] == [
        ["reload", "reconnect"]
    ] * 3
    assert fake.orders == ["RELOAD", "RECONNECT"] * 2


def test_it_only_tells_when_nothing_is_asked(fake, systemd, run):
    answer = run()
    assert (answer["changed"], answer["actions"], answer["version"]) == (False, [], fake.words.version)
    assert [(pool["database"], pool["cl_waiting"], pool["maxwait_seconds"]) for pool in answer["pools"]] == [
        ("shop", 2, 1.5)
    ]
    assert fake.orders == []
    assert systemd.calls("systemd-run") == []


def test_a_timer_must_outlast_the_wait(fake, run):
    answer = run(state="paused", wait_timeout=5, resume_after=5)
    assert answer["failed"]
    assert "'resume_after' is 5: it must be 0, or more than 'wait_timeout', 5 seconds" in answer["msg"]
    assert fake.server.asked == []


@pytest.mark.parametrize("pool", ["*", "a b", "../rw", "{{ x }}", "rw\n", "rw;reboot", "☃"])
def test_a_hostile_pool_is_refused_before_anything_is_done(run, fake, systemd, pool):
    answer = run(pool=pool, state="paused")
    assert answer["failed"]
    assert "cannot be the name of a unit" in answer["msg"]
    assert (fake.orders, systemd.calls("systemctl"), systemd.calls("systemd-run")) == ([], [], [])


def test_nobody_there(run, tmp_path):
    answer = run(socket_directory=str(tmp_path), state="resumed")
    assert answer["failed"]
    assert f"connecting to PgBouncer at {tmp_path}, port 6432" in answer["msg"]


def test_the_socket_is_looked_for_where_the_role_puts_it(run_module):
    answer = run_module(pgbouncer_pool, pool="no-such-pool", port=6432)
    assert "PgBouncer at /run/pgbouncer-no-such-pool, port 6432" in answer["msg"]


def act(held, step):
    """What a step makes of a pooler; the order is wrong where it asserts."""
    if step == "pause":
        assert not held.paused
        return Held(True, held.armed)
    if step == "resume":
        assert held.paused
        return Held(False, held.armed)
    return Held(held.paused, step == "arm") if step in ("arm", "disarm") else held


EVERY_WISH = [
    {"state": state, "reconnect": reconnect, "reload": reload, "resume_after": after}
    for state, reconnect, reload, after in product((None, "paused", "resumed"), (False, True), (False, True), (0, 30))
]


@pytest.mark.parametrize("before", [Held(*each) for each in product((False, True), repeat=2)], ids=str)
@pytest.mark.parametrize("wish", EVERY_WISH, ids=str)
def test_every_plan_leads_to_the_wish_from_every_interrupted_point(wish, before):
    for done in range(len(plan(wish, before)) + 1):
        held = before
        for step in plan(wish, before)[:done]:
            held = act(held, step)
            # Who paused with a timer in mind is never paused without it.
            assert held.armed or not held.paused or wish["resume_after"] == 0 or before == Held(True, False)
        for step in plan(wish, held):
            held = act(held, step)
        assert held == wished(wish, before)
        assert not set(plan(wish, held)) & {"pause", "resume", "disarm"}
