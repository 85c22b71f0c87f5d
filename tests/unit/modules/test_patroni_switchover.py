# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import RemoteError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.operations import crew
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan import switchover as switchover_plan
from ansible_collections.matriarch.pgcluster.plugins.modules import patroni_switchover
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.agents import QUIET, FakeAgents
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.authority import Authority
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.patroni import FakePatroni, member, said

HOSTS = ["pg1", "pg2", "pg3"]
LOOKS = {"look", "pools"}


@pytest.fixture(scope="module")
def identity(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("pki")).issue("pg1")


@pytest.fixture
def agents(monkeypatch):
    fake = FakeAgents(*HOSTS)
    monkeypatch.setattr(crew, "Channel", fake.channel)
    return fake


@pytest.fixture
def patroni(identity, agents):
    """One whose cluster follows when it is asked to switch over."""
    fake = FakePatroni(identity.server_context())
    fake.members[0]["api_url"] = f"{fake.url}/patroni"

    def hand_over(body):
        agents.writable = True
        fake.members = [
            member("pg1", timeline=4),
            member("pg2", "leader", timeline=4),
            member("pg3", "sync_standby", timeline=4),
        ]
        return said(f'Successfully switched over to "{body["candidate"]}"')

    fake.acts["POST", "/switchover"] = hand_over
    yield fake
    fake.server.stop()


@pytest.fixture
def run(patroni, identity, run_module):
    files = {"ca_file": identity.ca_file, "client_cert": identity.certificate, "client_key": identity.key}
    agents = dict.fromkeys(HOSTS, "10.0.0.1")

    def run_one(check_mode=False, **params):
        options = {"urls": [patroni.url], **files, "agents": agents, "proxies": HOSTS, "wait_timeout": 5}
        return run_module(patroni_switchover, check_mode=check_mode, **{**options, **params})

    return run_one


def duties(agents):
    return {duty for _host, duty in agents.asked}


def test_predicted_done_and_found_done(run, patroni, agents):
    predicted = run(check_mode=True)
    assert (patroni.server.asked("POST"), duties(agents)) == ([], LOOKS)
    done = run()
    asked = len(agents.asked)
    again = run(candidate="pg2")
    assert [answer["changed"] for answer in (predicted, done, again)] == [True, True, False]
    assert [answer["leader"] for answer in (predicted, done, again)] == ["pg1", "pg2", "pg2"]
    assert predicted["plan"] == done["plan"]
    assert predicted["diff"] == done["diff"] == {"before": "leader: pg1\n", "after": "leader: pg2\n"}
    assert again["diff"]["before"] == again["diff"]["after"]
    assert len(agents.asked) == asked
    assert done["cluster"]["timeline"] == 4
    assert {"drain", "promote", "total_pause"} <= set(done["phases"])
    (sent,) = patroni.server.asked("POST")
    assert (sent.path, sent.body) == ("/switchover", {"leader": "pg1", "candidate": "pg2"})
    assert agents.left_behind() == {}


def test_the_plan_names_who_and_why(run):
    plan = run(check_mode=True)["plan"]
    assert (plan["leader"], plan["candidate"], plan["others"]) == ("pg1", "pg2", ["pg3"])
    assert plan["reason"] == "the synchronous standby with the least lag (0 bytes)"
    assert (plan["synchronous"], plan["blockers"]) == (True, [])


def test_a_named_candidate_without_the_guarantee_is_refused_with_the_reason_and_the_next_step(run, patroni, agents):
    refused = run(candidate="pg3")
    assert refused["failed"]
    assert "Nothing was changed: pg1 was not asked to hand over to pg3, because pg3 is no sync" in refused["msg"]
    assert "[not_synchronous] (next: name a synchronous standby, or none)" in refused["msg"]
    assert [blocker["code"] for blocker in refused["plan"]["blockers"]] == ["not_synchronous"]
    assert (patroni.server.asked("POST"), duties(agents)) == ([], LOOKS)


def test_check_mode_shows_what_would_be_refused(run, agents):
    agents.faults["pg1", "look"] = {**QUIET, "base_backups": 1}
    planned = run(check_mode=True)
    assert [blocker["code"] for blocker in planned["plan"]["blockers"]] == ["base_backup"]
    assert "failed" not in planned


@pytest.mark.parametrize("accept", [["silent_proxy", "silent_member"], ["all"]])
def test_what_was_accepted_does_not_count(run, agents, accept):
    agents.silent.add("pg1")
    assert "pg1 does not answer the operation: refused [silent_member]" in run()["msg"]
    assert "pg1 cannot be told to hold its clients: refused [silent_proxy]" in run(accept=["silent_member"])["msg"]
    assert run(accept=accept)["leader"] == "pg2"


def test_an_agent_that_cannot_tell_is_as_good_as_none(run, agents):
    agents.faults["pg2", "look"] = RemoteError("asking PostgreSQL: {{ x }}")
    agents.faults["pg3", "pools"] = RemoteError("connecting to PgBouncer: no such file")
    told = run()["msg"]
    assert "pg2 does not answer the operation: asking PostgreSQL: {{ x }} [silent_member]" in told
    assert "pg3 cannot be told to hold its clients: connecting to PgBouncer: no such file [silent_proxy]" in told


def test_hosts_without_an_agent_are_named(run):
    told = run(agents={"pg1": "10.0.0.1"}, proxies=["px1"])["msg"]
    assert "pg2 does not answer the operation: no agent was started there" in told
    assert "px1 cannot be told to hold its clients: no agent was started there" in told


def test_nobody_is_asked_to_hold_who_shall_not(run, agents):
    agents.faults["pg3", "pools"] = RemoteError("unused")
    assert run(hold=False)["leader"] == "pg2"
    assert {"pools", "hold", "release"} & duties(agents) == set()


def test_the_users_limits_count(run, agents, patroni):
    patroni.members[1]["lag"] = 100
    agents.faults["pg1", "look"] = {**QUIET, "unarchived_segments": 2}
    plan = run(check_mode=True, maximum_lag=99, maximum_unarchived=1, maximum_transaction_seconds=7.5)["plan"]
    assert [blocker["code"] for blocker in plan["blockers"]] == ["lag", "archiver_backlog"]
    assert agents.told["pg1", "look"] == {"transactions_older_than": 7.5}


def test_what_did_not_matter_in_the_end_is_a_warning(run, agents, monkeypatch):
    warned = []
    monkeypatch.setattr(AnsibleModule, "warn", lambda _self, words: warned.append(words))
    agents.fails = (("pg3", "route"), "refuses")
    assert run()["leader"] == "pg2"
    assert "route at the agent of pg3: it will not" in warned[0]


def test_every_code_that_can_be_accepted_is_documented():
    source = Path(str(switchover_plan.__file__)).read_text(encoding="utf-8")
    codes = re.findall(r"Blocker\(\s*\"(\w+)\"", source)
    options = yaml.safe_load(patroni_switchover.DOCUMENTATION)["options"]
    assert len(codes) > 10
    assert set(codes) | {"all"} == set(re.findall(r"\bV\((\w+)\)", " ".join(options["accept"]["description"])))


def test_patronis_refusal_is_told_in_its_words(run, patroni, agents):
    patroni.acts["POST", "/switchover"] = lambda _body: said("candidate name does not match with sync_standby", 412)
    answer = run()
    assert answer["failed"]
    assert answer["msg"].startswith(f"Nothing was changed. POST /switchover on {patroni.url}: HTTP 412: candidate name")
    assert agents.left_behind() == {}


def test_a_leader_that_does_not_tell_where_its_patroni_listens(run, patroni, agents):
    del patroni.members[0]["api_url"]
    answer = run()
    assert "pg1 does not tell where its Patroni listens. Next: ansible-playbook status.yml" in answer["msg"]
    assert duties(agents) == LOOKS


def test_a_leader_whose_patroni_cannot_be_reached_is_asked_for_nothing_more(run, patroni, agents):
    patroni.members[0]["api_url"] = "https://127.0.0.1:1/patroni"
    answer = run()
    assert answer["msg"].startswith("POST /switchover on https://127.0.0.1:1: ")
    assert duties(agents) == LOOKS


@pytest.mark.parametrize("missing", ["ca_file", "client_cert"])
def test_without_certificates_nobody_would_obey(run_module, identity, missing):
    plain = FakePatroni()
    files = {"ca_file": identity.ca_file, "client_cert": identity.certificate, "client_key": identity.key}
    files[missing] = None
    if missing == "client_cert":
        del files["client_key"]
    try:
        answer = run_module(patroni_switchover, urls=[plain.url], **files)
    finally:
        plain.server.stop()
    assert answer["failed"]
    assert "give 'ca_file' and 'client_cert'" in answer["msg"]


def test_a_switchover_is_scheduled_seen_and_cancelled(run, patroni, agents):
    scheduled: dict[str, str] = {}
    cluster = patroni._cluster

    def show():
        answer = cluster()
        answer.body.update({"scheduled_switchover": dict(scheduled)} if scheduled else {})
        return answer

    def schedule(body):
        scheduled.update({"at": body["scheduled_at"], "from": body["leader"]})
        return said("Switchover scheduled", 202)

    def cancel(_body):
        scheduled.clear()
        return said("scheduled switchover deleted")

    patroni._cluster = show
    patroni.acts |= {("POST", "/switchover"): schedule, ("DELETE", "/switchover"): cancel}
    moment = "2126-12-01T03:00:00+01:00"
    answers = [
        run(scheduled_at=moment),
        run(scheduled_at=moment),
        run(cancel_scheduled=True),
        run(cancel_scheduled=True),
    ]
    assert [answer["changed"] for answer in answers] == [True, False, True, False]
    assert [answer["scheduled"] and answer["scheduled"]["at"] for answer in answers] == [moment, moment, None, None]
    assert {answer["leader"] for answer in answers} == {"pg1"}
    assert agents.asked == []


def test_to_schedule_and_to_cancel_is_a_contradiction(run):
    answer = run(scheduled_at="2126-12-01T03:00:00+01:00", cancel_scheduled=True)
    assert "mutually exclusive" in answer["msg"]
