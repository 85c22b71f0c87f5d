# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing is taken from a leader unless all is as it was when the fencing began."""

from __future__ import annotations

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.etcd_keys import EtcdKeys
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.json_http import JsonHttp
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import RemoteError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.fencing.store import CLAIM_ATTEMPTS, FencingStore
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.etcd_keys import FakeKeys

LEADER, CONFIG, MEMBER = "/service/shop/leader", "/service/shop/config", "/service/shop/members/pg1"
FENCER, FENCED = "/matriarch/shop/fencing", "/matriarch/shop/fenced"
TTL = 40


@pytest.fixture
def etcd():
    keys = FakeKeys(members=2)
    keys.write(LEADER, b"pg1")
    keys.write(CONFIG, b'{"ttl": 20}')
    keys.write(MEMBER, b"{}")
    yield keys
    keys.stop()


@pytest.fixture
def store(etcd):
    return made(etcd)


def made(etcd):
    return FencingStore([EtcdKeys(JsonHttp(url)) for url in etcd.urls], "shop")


def test_who_leads_is_read(store, etcd):
    standing = store.read()
    assert (standing.leads, standing.paused, standing.fencer, standing.fenced) == ("pg1", False, None, None)


def test_nobody_leads(store, etcd):
    etcd.keys.clear()
    assert store.read().leads == ""


@pytest.mark.parametrize(
    ("config", "paused"),
    [(b"{}", False), (b'{"pause": true}', True), (b'{"pause": false}', False), (b"", True), (b"[]", True)],
)
def test_a_pause_is_seen_and_supposed_where_nobody_can_tell(store, etcd, config, paused):
    etcd.write(CONFIG, config)
    assert store.read().paused is paused


def test_the_leader_is_deposed(store, etcd):
    claim = store.claim(store.read(), "pg2", TTL)
    assert etcd[FENCER] == b"pg2"
    assert store.depose(claim)
    assert (LEADER in etcd, MEMBER in etcd, FENCER in etcd) == (False, False, False)


def test_everybody_knows_for_a_while(store, etcd):
    note = store.note(store.claim(store.read(), "pg2", TTL), 20)
    assert etcd[FENCED] == b"pg1"
    assert store.heeding(note) == 0
    store.heed(store.read().fenced, "pg3")
    assert store.heeding(note) == 1
    etcd.pass_time(20)
    assert (FENCED in etcd, f"{FENCED}/pg3" in etcd) == (False, False)
    assert LEADER in etcd


def test_the_note_can_be_taken_back(store, etcd):
    note = store.note(store.claim(store.read(), "pg2", TTL), 20)
    store.heed(store.read().fenced, "pg3")
    store.forget(note)
    assert (FENCED in etcd, f"{FENCED}/pg3" in etcd) == (False, False)


def test_nobody_heeds_a_note_that_is_over(store, etcd):
    store.note(store.claim(store.read(), "pg2", TTL), 20)
    seen = store.read().fenced
    etcd.write(FENCED, b"pg1")
    store.heed(seen, "pg3")
    assert f"{FENCED}/pg3" not in etcd


def test_whose_claim_is_over_notes_nothing(store, etcd):
    claim = store.claim(store.read(), "pg2", TTL)
    etcd.pass_time(TTL)
    assert store.note(claim, 20) == 0
    assert FENCED not in etcd


def test_the_server_of_a_silent_host_is_asked_last(etcd):
    silent, other = (EtcdKeys(JsonHttp(url)) for url in etcd.urls)
    silent = EtcdKeys(JsonHttp(silent.url.replace("127.0.0.1", "127.0.0.2")))
    store = FencingStore([silent, other], "shop")
    store.avoid("127.0.0.2")
    assert store.read().leads == "pg1"
    alone = FencingStore([other], "shop")
    alone.avoid("127.0.0.1")
    assert alone.read().leads == "pg1"


def test_one_fences_at_a_time(store, etcd):
    standing = store.read()
    assert store.claim(standing, "pg2", TTL)
    assert made(etcd).claim(standing, "pg3", TTL) is None
    etcd.pass_time(TTL)
    assert made(etcd).claim(standing, "pg3", TTL)


@pytest.mark.parametrize("path", ["/v3/kv/txn", "/v3/kv/range"])
def test_a_claim_whose_answer_is_lost_is_found_again(store, etcd, path):
    standing = store.read()
    etcd.lost[path] = 2
    claim = store.claim(standing, "pg2", TTL)
    assert claim
    assert claim.fencer_revision == store.read().fencer.mod_revision
    assert store.depose(claim)


def test_a_claim_that_another_one_has_taken_meanwhile_is_none(store, etcd):
    standing = store.read()
    etcd.refusals["/v3/kv/txn"] = (14, 503, "etcdserver: request timed out")

    def take(path):
        if path == "/v3/kv/txn" and path in etcd.writes[:-1]:
            etcd.refusals.clear()
            etcd.write(FENCER, b"pg3")

    etcd.before = take
    assert store.claim(standing, "pg2", TTL) is None
    assert etcd.writes.count("/v3/kv/txn") == 2


def test_an_etcd_that_does_not_answer_is_not_asked_for_ever(store, etcd):
    standing = store.read()
    etcd.refusals["/v3/kv/txn"] = (14, 503, "etcdserver: request timed out")
    with pytest.raises(RemoteError):
        store.claim(standing, "pg2", TTL)
    assert etcd.writes.count("/v3/kv/txn") == CLAIM_ATTEMPTS


def test_nobody_fences_a_leader_that_leads_anew(store, etcd):
    standing = store.read()
    etcd.write(LEADER, b"pg1")
    assert store.claim(standing, "pg2", TTL) is None
    assert FENCER not in etcd


MEANWHILE = {
    "another one leads": lambda etcd: etcd.write(LEADER, b"pg3"),
    "it leads anew": lambda etcd: etcd.write(LEADER, b"pg1"),
    "Patroni was paused": lambda etcd: etcd.write(CONFIG, b'{"ttl": 20, "pause": true}'),
    "the claim was over": lambda etcd: etcd.pass_time(TTL),
    "somebody else fences": lambda etcd: etcd.write(FENCER, b"pg3"),
}


@pytest.mark.parametrize("change", MEANWHILE.values(), ids=MEANWHILE)
def test_nothing_is_taken_where_something_has_changed(store, etcd, change):
    claim = store.claim(store.read(), "pg2", TTL)
    change(etcd)
    assert not store.depose(claim)
    assert LEADER in etcd
    assert MEMBER in etcd
    assert FENCED not in etcd


def test_a_server_that_does_not_answer_is_asked_last_from_then_on(store, etcd):
    etcd.servers[0].stop()
    with pytest.raises(RemoteError):
        store.read()
    assert store.read().leads == "pg1"
    assert store.read().leads == "pg1"
    etcd.servers.pop(0)
