# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory of a running cluster, as Ansible itself reads it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleError, AnsibleParserError
from ansible.inventory.data import InventoryData
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import inventory_loader
from ansible_collections.matriarch.pgcluster.plugins.inventory.patroni import ROLES, is_address
from ansible_collections.matriarch.pgcluster.tests.unit.ansible_process import ansible
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.patroni import FakePatroni, member
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.server import Reply

CLOSED = "http://127.0.0.1:1"
NAME = "matriarch.pgcluster.patroni"
TEMPLATE = "{{ 6 * 7 }}"
HOSTILE = [
    *("-oProxyCommand=reboot", "../../etc/passwd", "a b", "a,b", "a:b", "!all", "~.*", "x\ny", "db[1:9]", "pg1\0"),
    *("localhost", "LOCALHOST", "127.0.0.1", "all", "ungrouped", "leader", TEMPLATE, "päronträd", "'", "a" * 300),
]
Parse = Callable[..., InventoryData]


@pytest.fixture
def patroni() -> Iterator[FakePatroni]:
    fake = FakePatroni()
    yield fake
    fake.server.stop()


def write(folder: Path, urls: list[str], **options: Any) -> Path:
    path = folder / "live.patroni.yml"
    path.write_text(yaml.safe_dump({"plugin": NAME, "urls": urls, **options}), encoding="utf-8")
    return path


@pytest.fixture
def parse(tmp_path: Path, patroni: FakePatroni) -> Parse:
    """Read the fake's cluster into an inventory, which may have something in it already."""

    def parse(urls: list[str] | None = None, into: InventoryData | None = None, **options: Any) -> InventoryData:
        inventory = into or InventoryData()
        path = write(tmp_path, [patroni.url] if urls is None else urls, **options)
        inventory_loader.get(NAME).parse(inventory, DataLoader(), str(path))
        inventory.reconcile_inventory()
        return inventory

    return parse


def hosts(inventory: InventoryData, group: str) -> list[str]:
    return [host.name for host in inventory.groups[group].get_hosts()]


def variables(inventory: InventoryData, host: str) -> dict[str, Any]:
    found: dict[str, Any] = inventory.hosts[host].vars
    return found


def test_hosts_are_grouped_by_what_they_are(parse, patroni):
    patroni.members[2] |= {"pending_restart": True}
    inventory = parse()
    assert {group: hosts(inventory, group) for group in (*ROLES, "cluster_shop")} == {
        "leader": ["pg1"],
        "replica": ["pg2", "pg3"],
        "sync_standby": ["pg2"],
        "pending_restart": ["pg3"],
        "cluster_shop": ["pg1", "pg2", "pg3"],
    }


@pytest.mark.parametrize(
    ("role", "groups"),
    [
        ("leader", {"leader"}),
        ("standby_leader", {"leader"}),
        ("sync_standby", {"replica", "sync_standby"}),
        ("quorum_standby", {"replica", "sync_standby"}),
        ("replica", {"replica"}),
        ("a role of the future", {"replica"}),
    ],
)
def test_every_role_has_its_groups(parse, patroni, role, groups):
    patroni.members = [member("pg1", role)]
    inventory = parse()
    assert {group for group in ROLES if hosts(inventory, group)} == groups


def test_a_cluster_without_members_still_has_its_groups(parse, patroni):
    patroni.members = []
    assert [hosts(parse(), group) for group in ROLES] == [[], [], [], []]


def test_a_host_knows_what_patroni_told(parse, patroni):
    patroni.members[2] |= {
        "lag": 512,
        "tags": {"nofailover": True},
        "host": "192.0.2.13",
        "state": "in archive recovery",
    }
    told = variables(parse(), "pg3")
    assert {name: told[name] for name in told if name.startswith(("patroni_", "ansible_"))} == {
        "ansible_host": "192.0.2.13",
        "patroni_role": "replica",
        "patroni_state": "in archive recovery",
        "patroni_timeline": 3,
        "patroni_lag_bytes": 512,
        "patroni_pending_restart": False,
        "patroni_tags": {"nofailover": True},
    }


def test_what_patroni_did_not_tell_is_null(parse, patroni):
    patroni.members = [{"name": "pg1", "role": "replica", "lag": "unknown"}]
    told = variables(parse(), "pg1")
    assert (told["patroni_timeline"], told["patroni_lag_bytes"], told["patroni_state"]) == (None, None, "unknown")
    assert "ansible_host" not in told


def test_a_cluster_that_does_not_tell_its_name_has_no_group_of_that_name(parse, patroni):
    patroni.replies["GET", "/cluster"] = Reply({"members": patroni.members})
    assert {*parse().groups} == {"all", "ungrouped", *ROLES}


def test_a_dead_host_does_not_matter(parse, patroni):
    assert hosts(parse([CLOSED, patroni.url]), "leader") == ["pg1"]


def test_where_nobody_answers_every_address_is_named_with_its_reason(parse, patroni):
    patroni.replies["GET", "/cluster"] = Reply({"title": "a web shop"})
    with pytest.raises(AnsibleParserError) as failure:
        parse([CLOSED, patroni.url])
    for words in (f"{CLOSED}: ", "refused", f"{patroni.url}: the answer has no list of members", "systemctl status"):
        assert words in str(failure.value)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"urls": []}, "'urls' is empty"),
        ({"timeout": 0}, "must be more than 0 seconds"),
        ({"timeout": "soon"}, "timeout"),
        ({"plugin": "matriarch.pgcluster.other"}, "plugin"),
    ],
)
def test_options_that_cannot_work_are_refused(parse, options, reason):
    with pytest.raises(AnsibleError, match=reason):
        parse(**options)


@pytest.mark.parametrize("option", ["ca_file", "client_cert", "client_key"])
def test_certificates_are_looked_for_beside_the_file(parse, tmp_path, monkeypatch, option):
    """A relative path that began at the working directory would depend on from where Ansible is called."""
    files = dict.fromkeys(("ca_file", "client_cert", "client_key"), "there.pem")
    (tmp_path / "there.pem").write_text("")
    monkeypatch.chdir("/")
    with pytest.raises(AnsibleParserError, match=f"'{option}' is '{tmp_path / 'none.pem'}'"):
        parse([CLOSED], **{**files, option: "none.pem"})


def test_hosts_merge_by_name_and_keep_how_they_are_reached(parse):
    inventory = InventoryData()
    inventory.add_group("postgres")
    inventory.add_host("pg2", group="postgres")
    inventory.set_variable("pg2", "ansible_host", "203.0.113.2")
    parse(into=inventory)
    assert hosts(inventory, "postgres") == ["pg2"]
    assert variables(inventory, "pg2")["ansible_host"] == "203.0.113.2"
    assert variables(inventory, "pg2")["patroni_role"] == "sync_standby"
    assert variables(inventory, "pg1")["ansible_host"] == "pg1"


def test_a_host_that_is_reached_by_its_name_still_is(parse):
    inventory = InventoryData()
    inventory.add_host("pg2")
    assert "ansible_host" not in variables(parse(into=inventory), "pg2")


def test_two_clusters_are_told_apart_by_a_prefix(parse, patroni):
    inventory = parse(group_prefix="one_")
    patroni.members = [member("db1", "leader")]
    parse(into=inventory, group_prefix="two_")
    assert hosts(inventory, "one_leader") == ["pg1"]
    assert hosts(inventory, "two_leader") == ["db1"]
    assert hosts(inventory, "two_cluster_shop") == ["db1"]
    assert "leader" not in inventory.groups


def test_groups_and_variables_of_ones_own(parse):
    inventory = parse(
        compose={"is_close": "patroni_lag_bytes is none or patroni_lag_bytes < 100"},
        groups={"readable": "patroni_role != 'leader'"},
        keyed_groups=[{"key": "patroni_state", "prefix": "state"}],
    )
    assert variables(inventory, "pg1")["is_close"] is True
    assert hosts(inventory, "readable") == ["pg2", "pg3"]
    assert hosts(inventory, "state_streaming") == ["pg2", "pg3"]


def test_a_mistake_in_those_stops_only_where_that_is_wanted(parse):
    wrong = {"compose": {"nonsense": "not_there.at_all"}}
    assert "nonsense" not in variables(parse(**wrong), "pg1")
    with pytest.raises(AnsibleError, match="nonsense"):
        parse(**wrong, strict=True)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_that_means_something_else_is_refused(parse, patroni, name):
    patroni.members = [member("pg1", "leader"), member(name)]
    with pytest.raises(AnsibleParserError, match="a member named"):
        parse()


@pytest.mark.parametrize("host", [*HOSTILE[:10], TEMPLATE, "'", "päronträd", "fe80::1 -x"])
def test_an_address_that_means_something_else_is_refused(parse, patroni, host):
    patroni.members = [member("pg1", "leader", host=host)]
    with pytest.raises(AnsibleParserError, match="as its address"):
        parse()


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "pg1", "pg-1.example.com", "PG_1"])
def test_addresses_and_names_of_hosts_are_taken(host):
    assert is_address(host)


def test_a_name_that_another_inventory_has_as_a_group_is_refused(parse):
    inventory = InventoryData()
    inventory.add_group("pg3")
    with pytest.raises(AnsibleParserError, match="is a group's name too"):
        parse(into=inventory)


def test_any_cluster_name_makes_a_group_that_ansible_takes(parse, patroni):
    some = random.Random(3)
    for _attempt in range(30):
        scope = "".join(some.choices("abZ09_-./ \n\t{}%'\"!:,[]*~", k=some.randint(1, 12)))
        patroni.replies["GET", "/cluster"] = Reply({"members": patroni.members, "scope": scope})
        (group,) = {*parse().groups} - {"all", "ungrouped", *ROLES}
        assert group.isidentifier()
        assert group.startswith("cluster_")


@pytest.mark.parametrize(("name", "taken"), [("a.patroni.yml", True), ("a.patroni.yaml", True), ("hosts.yml", False)])
def test_only_files_of_its_own_ending_are_read(tmp_path, name, taken):
    (tmp_path / name).write_text("{}")
    assert inventory_loader.get(NAME).verify_file(str(tmp_path / name)) is taken


def test_ansible_lists_the_cluster_beside_an_ordinary_inventory(patroni, tmp_path):
    (tmp_path / "hosts.yml").write_text("postgres: {hosts: {pg1: {}, pg4: {}}}")
    path = write(tmp_path, [CLOSED, patroni.url], keyed_groups=[{"key": "patroni_tags.zone | default('~/.. %')"}])
    listed = ansible("inventory", "-i", str(tmp_path / "hosts.yml"), "-i", str(path), "--list", folder=tmp_path)
    assert listed.returncode == 0, listed.stderr
    found = json.loads(listed.stdout)
    assert found["leader"]["hosts"] == ["pg1"]
    assert found["postgres"]["hosts"] == ["pg1", "pg4"]
    assert all(group.isidentifier() for group in found)


@pytest.mark.parametrize("shown", ["{{ patroni_state }}", "{{ patroni_tags.zone }}"])
def test_ansible_takes_no_template_from_the_network(patroni, tmp_path, shown):
    patroni.members[2] |= {"state": TEMPLATE, "tags": {"zone": TEMPLATE}}
    path = write(tmp_path, [patroni.url])
    said = ansible(
        "adhoc", "-i", str(path), "pg3", "-m", "ansible.builtin.debug", "-a", f"msg={shown}", folder=tmp_path
    )
    assert said.returncode == 0, said.stdout + said.stderr
    assert f'"msg": "{TEMPLATE}"' in said.stdout


def test_ansible_tells_why_nobody_answered(tmp_path):
    path = write(tmp_path, [CLOSED])
    failed = ansible("inventory", "-i", str(path), "--list", folder=tmp_path)
    said = " ".join((failed.stdout + failed.stderr).split())
    assert f"none of 1 servers answered: {CLOSED}: " in said
