# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A healthy cluster of three hosts, and one table line for everything that can be wrong with it."""

from __future__ import annotations

import copy
import itertools
import random
from typing import Any

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.preflight import preflight, report

CA = "ca" * 32
NAMES = ("db1", "db2", "db3")
PORTS = {"etcd": [2379, 2380], "postgres": [5432, 8008], "proxy": [5000, 5001]}
LASTING_PORTS = {"etcd_client": 2379, "etcd_peer": 2380, "postgresql": 5432, "patroni": 8008}


def bare(number: int) -> dict:
    """What `host_info` says of a fresh host."""
    return {
        "os": {"id": "debian", "version_id": "13", "codename": "trixie", "pretty": "Debian 13", "arch": "x86_64"},
        "virtualization": {"kind": "kvm", "container": False},
        "hostname": f"db{number}",
        "memory_mb": {"total": 8000, "swap": 0},
        "addresses": ["127.0.0.1", f"10.0.0.{number}", "fe80::1"],
        "glibc": "2.41",
        "sysctls": {"vm.overcommit_memory": "0", "vm.swappiness": "60"},
        "sysctl_writable": True,
        "transparent_hugepages": "madvise",
        "watchdog": True,
        "ports": {"5432": None, "8008": None, "2379": None},
        "data_directory": {"path": "/data", "exists": False, "empty": True, "entries": []},
        "etcd_data_directory": {"path": "/etcd", "exists": False, "empty": True, "entries": [], "has_member": False},
        "refused_parameters": None,
        "disks": {"/data": {"free_mb": 50_000, "read_only": False}},
        "release": None,
        "patroni_scope": None,
        "ca_fingerprints": [],
        "ntp_synchronized": True,
        "clock_offset": 0.8,
        "clock_epoch": 1000.8,
        "unreadable": {},
    }


def deployed(number: int) -> dict:
    """What it says of a member of a running cluster."""
    stamp = {
        "cluster": "main",
        "version": "0.1.0",
        "host": f"db{number}",
        "members": NAMES,
        "postgresql_major": 17,
        "ports": LASTING_PORTS,
    }
    data = {"path": "/data", "exists": True, "empty": False, "entries": ["PG_VERSION"]}
    return {
        **bare(number),
        "ports": {
            "5432": {"addresses": ["0.0.0.0"], "pid": 9, "process": "postgres", "unit": "patroni.service"},
            "2379": {"addresses": ["10.0.0.1"], "pid": 8, "process": "etcd", "unit": "etcd.service"},
            "8008": None,
        },
        "data_directory": {**data, "version": "17", "system_identifier": "7642011472967116994"},
        "etcd_data_directory": {"path": "/etcd", "exists": True, "empty": False, "has_member": True},
        "release": stamp,
        "patroni_scope": "main",
        "ca_fingerprints": [CA],
    }


def wish(**changes) -> dict:
    members = {name: f"10.0.0.{number}" for number, name in enumerate(NAMES, start=1)}
    return {
        "name": "main",
        "etcd": dict(members),
        "postgres": dict(members),
        "proxy": dict(members),
        "hosts_in_play": list(members),
        "ports": PORTS,
        "lasting_ports": LASTING_PORTS,
        "postgresql_major": 17,
        "vip": "",
        "protection": "zero_loss",
        "ca_fingerprint": CA,
        "secrets_present": True,
        "collection_version": "0.1.0",
        "minimum_memory_mb": 1000,
        "minimum_disk_mb": 2000,
        "controller_epoch": 1000.0,
        "supported": {"debian": ["bookworm", "trixie"]},
        "data_directory": "/data",
        "client_networks": ["10.0.0.0/24"],
        **changes,
    }


def on(make, **changes) -> dict:
    """Three hosts; `db1={...}` replaces words of one of them, `db1=None` makes it silent."""
    hosts = {name: make(number) for number, name in enumerate(NAMES, start=1)}
    return hosts | {name: change and {**hosts[name], **change} for name, change in changes.items()}


def found(asked: dict, hosts: dict) -> set[tuple[str, str, str]]:
    return {(problem.host, problem.id, problem.severity) for problem in preflight(asked, hosts)}


def data(**changes) -> dict:
    return {"data_directory": {**deployed(1)["data_directory"], **changes}}


def stamp(**changes) -> dict:
    return {"release": {**deployed(1)["release"], **changes}}


@pytest.mark.parametrize("make", [bare, deployed])
def test_nothing_speaks_against_a_sound_plan(make):
    assert preflight(wish(), on(make)) == []
    assert report([]) == ""


MEMBERS = wish()["postgres"]
TWO = {"db1": "10.0.0.1", "db2": "10.0.0.2"}
ONE = {"db1": "10.0.0.1"}
FOUR = {**MEMBERS, "db4": "10.0.0.4"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"etcd": {}}, {("cluster", "etcd_none", "refuse")}),
        ({"etcd": TWO}, {("cluster", "etcd_even", "refuse")}),
        ({"etcd": ONE}, {("cluster", "etcd_single", "refuse")}),
        ({"etcd": ONE, "development": True}, set()),
        ({"proxy": {}}, {("cluster", "proxy_none", "warn")}),
        ({"name": "my cluster"}, {("cluster", "name_syntax", "refuse")}),
        ({"name": "x" * 64}, {("cluster", "name_syntax", "refuse")}),
        ({"name": ""}, {("cluster", "name_syntax", "refuse")}),
        ({"name": "../x"}, {("cluster", "name_syntax", "refuse")}),
        ({"name": "main\n"}, {("cluster", "name_syntax", "refuse")}),
        ({"name": "$(reboot)"}, {("cluster", "name_syntax", "refuse")}),
        ({"vip": "10.0.0.9"}, set()),
        ({"vip": "10.0.0.9/24"}, set()),
        ({"vip": "10.0.0.2/24"}, {("cluster", "vip_taken", "refuse")}),
        ({"vip": "db.example"}, {("cluster", "vip_invalid", "refuse")}),
        ({"protection": "async"}, set()),
        ({"protection": "strict"}, {("cluster", "protection_unknown", "refuse")}),
        ({"postgres": TWO}, {("cluster", "protection_stalls", "warn")}),
        ({"postgres": ONE}, {("cluster", "protection_impossible", "refuse")}),
        ({"postgres": ONE, "protection": "async"}, set()),
        ({"postgres": {}, "protection": "async"}, {("cluster", "postgres_none", "refuse")}),
        ({"postgresql_major": 14}, {("cluster", "postgresql_version", "refuse")}),
        ({"client_networks": []}, {("cluster", "client_networks_none", "warn")}),
        ({"client_networks": ["10.0.0.7/32", "10.1.0.0/16"]}, set()),
        ({"client_networks": ["10.0.0.7/24"]}, {("cluster", "client_network_invalid", "refuse")}),
        ({"client_networks": ["10.0.0.7"]}, {("cluster", "client_network_invalid", "refuse")}),
        ({"client_networks": ["10.0.0.0/255.255.255.0"]}, {("cluster", "client_network_invalid", "refuse")}),
        ({"vip": "2001:db8::9/64"}, {("cluster", "vip_invalid", "refuse")}),
        ({"client_networks": ["10.0.0/24"]}, {("cluster", "client_network_invalid", "refuse")}),
        ({"client_networks": ["0.0.0.0/0"]}, {("cluster", "client_network_open", "warn")}),
        ({"client_networks": None}, set()),
        ({"ports": {**PORTS, "proxy": [5432]}}, {(name, "port_conflict", "refuse") for name in NAMES}),
        ({"offered": {"trixie": 15}}, {(name, "postgresql_not_offered", "warn") for name in NAMES}),
        ({"offered": {"bookworm": 15, "trixie": 17}}, set()),
        ({"supported": {"debian": ["12"]}}, {(name, "os_unsupported", "refuse") for name in NAMES}),
        ({"supported": {"debian": ["13"]}}, set()),
        ({"supported": {}}, set()),
        ({"wal_directory": "/wal/main"}, set()),
        ({"wal_directory": "/wal"}, {("cluster", "wal_place", "refuse")}),
        ({"wal_directory": "wal/main"}, {("cluster", "wal_place", "refuse")}),
        ({"wal_directory": "/data/pg_wal"}, {("cluster", "wal_place", "refuse")}),
        ({"wal_directory": "/wal/main", "restores_replicas": True}, {("cluster", "wal_of_copies", "refuse")}),
        ({"restores_replicas": True}, set()),
        ({"restores_replicas": True, "initdb": ["data-checksums", {"wal-segsize": 16}]}, set()),
        (
            {"restores_replicas": True, "initdb": ["data-checksums", {"wal-segsize": 64}]},
            {("cluster", "wal_segments", "refuse")},
        ),
        ({"restores_replicas": True, "initdb": ["wal-segsize=64"]}, {("cluster", "wal_segments", "refuse")}),
        ({"initdb": [{"wal-segsize": 64}]}, set()),
    ],
)
def test_what_is_wrong_with_an_inventory(changes, expected):
    assert found(wish(**changes), on(bare)) == expected


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("", "address_missing"),
        ("db1.example", "address_invalid"),
        ("10.0.0.256", "address_invalid"),
        ("127.0.0.1", "address_unusable"),
        ("::1", "address_invalid"),
        ("2001:db8::1", "address_invalid"),
        ("0.0.0.0", "address_unusable"),
        ("224.0.0.1", "address_unusable"),
        ("10.0.0.77", "address_foreign"),
    ],
)
def test_addresses_that_do_not_work(address, problem):
    members = {**MEMBERS, "db1": address}
    asked = wish(etcd=members, postgres=members, proxy=members)
    assert found(asked, on(bare)) == {("db1", problem, "refuse")}


def test_a_single_host_may_talk_to_itself():
    alone = {"db1": "127.0.0.1"}
    asked = wish(etcd=alone, postgres=alone, proxy=alone, protection="async", hosts_in_play=["db1"])
    assert found(asked, {"db1": bare(1)}) == set()


def test_duplicates():
    members = {"db1": "10.0.0.1", "DB1": "10.0.0.1", "db3": "10.0.0.3"}
    asked = wish(etcd=members, postgres=members, proxy=members, hosts_in_play=list(members))
    hosts = {"db1": bare(1), "DB1": bare(1), "db3": bare(3)}
    assert found(asked, hosts) == {
        ("cluster", "duplicate_name", "refuse"),
        ("cluster", "duplicate_address", "refuse"),
        ("cluster", "duplicate_hostname", "warn"),
    }


DEBIAN_12 = {
    "os": {"id": "debian", "version_id": "12", "codename": "bookworm", "pretty": "Debian 12", "arch": "x86_64"}
}
TAKEN = {"addresses": ["0.0.0.0"], "pid": 77, "process": "postgres", "unit": "postgresql@17-main.service"}
HIDDEN = {"addresses": ["0.0.0.0"], "pid": None, "process": None, "unit": None}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"glibc": "2.36"}, {("cluster", "collation_differs", "refuse")}),
        (DEBIAN_12, {("cluster", "collation_differs", "refuse")}),
        ({"os": {**bare(1)["os"], "arch": "aarch64"}}, {("cluster", "architecture_differs", "refuse")}),
        ({"memory_mb": {"total": 900}}, {("db1", "memory", "refuse")}),
        ({"disks": {"/data": {"free_mb": 1999}}}, {("db1", "disk", "refuse")}),
        ({"disks": {"/data": {"free_mb": 9999, "read_only": True}}}, {("db1", "disk_read_only", "refuse")}),
        ({"clock_offset": 4.9}, set()),
        ({"clock_offset": 5.1}, {("db1", "clock", "warn")}),
        ({"clock_offset": -2.1}, {("db1", "clock", "warn")}),
        ({"clock_offset": 34}, {("db1", "clock", "refuse")}),
        ({"clock_offset": -31}, {("db1", "clock", "refuse")}),
        ({"clock_offset": None, "clock_epoch": 960.0}, {("db1", "clock", "refuse")}),
        ({"clock_offset": None, "clock_epoch": None}, set()),
        ({"ntp_synchronized": False}, {("db1", "clock_unsynchronized", "warn")}),
        ({"ntp_synchronized": False, "virtualization": {"container": True}}, set()),
        ({"ports": {"5432": TAKEN}}, {("db1", "port_taken", "refuse")}),
        ({"ports": {"5432": HIDDEN}}, {("db1", "port_taken", "refuse")}),
        ({"ports": {"22": TAKEN}}, set()),
        ({"transparent_hugepages": "always"}, {("db1", "transparent_hugepages", "warn")}),
        ({"watchdog": False}, {("db1", "watchdog", "warn")}),
        ({"sysctl_writable": False}, {("db1", "overcommit", "warn")}),
        (
            {"sysctl_writable": False, "memory_mb": {"total": 8000, "swap": 100}},
            {("db1", "overcommit", "warn"), ("db1", "swappiness", "warn")},
        ),
        ({"patroni_scope": "other"}, {("db1", "other_cluster", "refuse")}),
        ({"release": {"cluster": "other"}}, {("db1", "other_cluster", "refuse")}),
        (
            {"data_directory": {"path": "/data", "exists": True, "empty": False, "entries": ["lost+found"]}},
            {("db1", "data_foreign", "refuse")},
        ),
        (
            {"etcd_data_directory": {"path": "/etcd", "exists": True, "empty": False, "has_member": True}},
            {("db1", "etcd_data_foreign", "refuse")},
        ),
        ({"ca_fingerprints": ["0" * 64]}, {("db1", "ca_differs", "refuse")}),
        ({"ca_fingerprints": ["0" * 64, CA]}, set()),
    ],
)
def test_what_is_wrong_with_a_bare_host(changes, expected):
    assert found(wish(), on(bare, db1=changes)) == expected


def test_data_of_another_cluster_on_bare_hosts_is_left_alone():
    problems = preflight(wish(secrets_present=False), on(bare, db1=data(version="16")))
    assert [(problem.host, problem.id) for problem in problems] == [("db1", "data_foreign")]
    assert "/data holds data of PostgreSQL 16 that this cluster did not make" in problems[0].problem
    assert "never deleted" in problems[0].remedy


def test_a_first_installation_that_was_interrupted_goes_on():
    """Certificates, etcd and Patroni's configuration are there, the stamp is not."""
    half = {**deployed(1), "release": None}
    hosts = {name: {**half, "hostname": name, "addresses": [MEMBERS[name]]} for name in NAMES}
    hosts["db3"] |= {"data_directory": bare(3)["data_directory"], "patroni_scope": None}
    assert found(wish(), hosts) == set()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (data(system_identifier="1"), {("cluster", "system_identifier_differs", "refuse")}),
        (data(version="18"), {("db1", "postgresql_version_differs", "refuse")}),
        (data(version="16"), {("db1", "postgresql_version_differs", "refuse")}),
        (data(version="9.6"), set()),
        (
            {**data(version=None, system_identifier=None, empty=True), **stamp(postgresql_major=16)},
            {("db1", "postgresql_version_differs", "refuse")},
        ),
        (stamp(version="0.2.0"), {("db1", "release_newer", "refuse")}),
        (stamp(version="0.1.0-beta"), set()),
        (stamp(version="0.0.99"), set()),
        (stamp(version="nonsense"), set()),
        (stamp(members=["db1", "db9"]), {("cluster", "member_lost", "warn")}),
        (stamp(members={"db1": "10.0.0.1", "db9": "10.0.0.9"}), {("cluster", "member_lost", "warn")}),
        (stamp(host="old-name"), {("db1", "host_renamed", "refuse")}),
        ({**stamp(cluster="other"), "patroni_scope": None, **data(empty=True)}, {("db1", "other_cluster", "refuse")}),
        ({"memory_mb": {"total": 900}}, {("db1", "memory", "warn")}),
        ({"disks": {"/data": {"free_mb": 10}}}, {("db1", "disk", "warn")}),
        ({"ca_fingerprints": []}, set()),
        ({"etcd_data_directory": bare(1)["etcd_data_directory"]}, set()),
        ({"refused_parameters": {}}, set()),
        ({"refused_parameters": {"work_memory": "unrecognized"}}, {("db1", "parameter_refused", "refuse")}),
    ],
)
def test_what_is_wrong_with_a_host_of_a_running_cluster(changes, expected):
    assert found(wish(), on(deployed, db1=changes)) == expected


@pytest.mark.parametrize(
    ("declared", "links", "expected"),
    [
        ("/wal/main", ["/wal/main"] * 3, set()),
        ("/wal/main", ["/wal/main", "/wal/main", None], {("db3", "wal_elsewhere", "refuse")}),
        ("/wal/main", ["/wal/main", "/wal/main", "/old/main"], {("db3", "wal_elsewhere", "refuse")}),
        ("", [None, None, "/wal/main"], {("db3", "wal_elsewhere", "warn")}),
    ],
)
def test_the_wal_of_members_that_exist(declared, links, expected):
    hosts = {name: data(wal_elsewhere=link) for name, link in zip(NAMES, links, strict=True)}
    assert found(wish(wal_directory=declared), on(deployed, **hosts)) == expected


def test_wal_is_moved_by_hand():
    problem, *_others = preflight(wish(wal_directory="/wal/main"), on(deployed))
    assert problem.remedy.endswith("mv -T /data/pg_wal /wal/main && ln -sfT /wal/main /data/pg_wal")


NO_ETCD = {"etcd_data_directory": bare(1)["etcd_data_directory"]}
NO_DATA = {"data_directory": bare(1)["data_directory"]}


@pytest.mark.parametrize(
    ("changes", "stamped", "refused"),
    [
        ({"etcd_peer": 2390}, stamp(), True),
        ({"etcd_client": 2389}, stamp(), True),
        ({"postgresql": 5433}, stamp(), True),
        ({"patroni": 8009}, stamp(), True),
        # A release before did not note them, or only some.
        ({"patroni": 8009}, stamp(ports=None), False),
        ({"patroni": 8009}, stamp(ports={"postgresql": 5432}), False),
        # It has none of the data that others look for there, or is another cluster's.
        ({"etcd_peer": 2390}, NO_ETCD, False),
        ({"etcd_peer": 2390}, NO_DATA, True),
        ({"postgresql": 5433}, NO_DATA, False),
        ({"postgresql": 5433}, NO_ETCD, True),
        ({"etcd_peer": 2390}, {**stamp(cluster="other"), "patroni_scope": None, **NO_DATA}, False),
    ],
)
def test_the_ports_of_a_cluster_that_exists_stay(changes, stamped, refused):
    asked = wish(lasting_ports={**LASTING_PORTS, **changes})
    of_db1 = {each for each in found(asked, on(deployed, db1=stamped)) if each[:2] == ("db1", "ports_changed")}
    assert of_db1 == ({("db1", "ports_changed", "refuse")} if refused else set())


def test_a_changed_port_is_named_with_the_former_one():
    (problem, *_others) = preflight(wish(lasting_ports={**LASTING_PORTS, "etcd_peer": 2390}), on(deployed))
    assert "pgcluster_etcd_peer_port is 2390" in problem.problem
    assert problem.remedy.startswith("set pgcluster_etcd_peer_port to 2380 again")


def test_secrets_are_never_made_anew_over_a_cluster():
    assert found(wish(secrets_present=False, ca_fingerprint=None), on(bare)) == set()
    assert found(wish(secrets_present=False), on(deployed)) == {("cluster", "secrets_missing", "refuse")}
    assert found(wish(ca_fingerprint=""), on(deployed)) == {(name, "ca_differs", "refuse") for name in NAMES}


def test_a_second_cluster_in_the_same_etcd_is_a_first_installation_with_new_secrets():
    """Its etcd hosts run a member, for another cluster, and trust the same authority."""
    etcd = {f"e{number}": f"10.0.1.{number}" for number in (1, 2, 3)}
    asked = wish(etcd=etcd, secrets_present=False, hosts_in_play=[*etcd, *NAMES])
    hosts = on(bare)
    for number, name in enumerate(etcd, start=1):
        hosts[name] = {
            **deployed(number),
            **stamp(cluster="first", members=list(etcd)),
            **bare(number) | {"etcd_data_directory": deployed(1)["etcd_data_directory"], "ca_fingerprints": [CA]},
            "hostname": name,
            "addresses": [etcd[name]],
        }
        hosts[name]["release"] = stamp(cluster="first", members=list(etcd))["release"]
    assert found(asked, hosts) == set()


@pytest.mark.parametrize(
    ("make", "silent", "expected"),
    [
        (bare, ["db2"], {("db2", "unreachable", "refuse")}),
        (deployed, ["db2"], {("db2", "unreachable", "warn")}),
        (
            deployed,
            ["db1", "db2"],
            {
                ("db1", "unreachable", "warn"),
                ("db2", "unreachable", "warn"),
                ("cluster", "quorum_at_risk", "refuse"),
            },
        ),
        (bare, list(NAMES), {(name, "unreachable", "refuse") for name in NAMES}),
    ],
)
def test_unreachable_hosts(make, silent, expected):
    assert found(wish(), on(make, **dict.fromkeys(silent))) == expected


def test_a_cluster_whose_data_hosts_are_all_silent():
    etcd = {f"e{number}": f"10.0.1.{number}" for number in (1, 2, 3)}
    asked = wish(etcd=etcd, proxy={"e1": "10.0.1.1"}, hosts_in_play=[*etcd, *NAMES])
    hosts = {
        name: {**deployed(1), **stamp(host=name), "hostname": name, "addresses": [address]}
        for name, address in etcd.items()
    }
    assert ("cluster", "postgres_unreachable", "refuse") in found(asked, {**hosts, **dict.fromkeys(NAMES)})


@pytest.mark.parametrize(
    ("make", "limit", "changes", "expected"),
    [
        (bare, ["db1", "db2"], {}, {("cluster", "limit_first_installation", "refuse")}),
        (deployed, ["db1"], {}, set()),
        (
            deployed,
            ["db1"],
            {"db1": None},
            {("db1", "unreachable", "refuse"), ("cluster", "limit_first_installation", "refuse")},
        ),
        # A wiped member joins again: etcd needs to be asked by a majority of the others.
        (
            deployed,
            ["db1", "db3"],
            {"db3": {"etcd_data_directory": bare(3)["etcd_data_directory"]}},
            {("cluster", "limit_etcd_join", "refuse")},
        ),
        (deployed, list(NAMES), {"db3": {"etcd_data_directory": bare(3)["etcd_data_directory"]}}, set()),
    ],
)
def test_limit(make, limit, changes, expected):
    hosts = {name: answer for name, answer in on(make, **changes).items() if name in limit}
    assert found(wish(hosts_in_play=limit), hosts) == expected


def test_a_new_host_alone_is_not_taken_for_a_cluster():
    """Limited to the new host, nothing shows that the cluster exists: founding a second one must be impossible."""
    asked = wish(etcd=MEMBERS, postgres=FOUR, proxy=MEMBERS, hosts_in_play=["db4"])
    assert found(asked, {"db4": bare(4)}) == {("cluster", "limit_first_installation", "refuse")}
    together = {**asked, "hosts_in_play": ["db1", "db4"]}
    assert found(together, {"db1": deployed(1), "db4": bare(4)}) == set()


def test_everything_is_told_at_once_refusals_first():
    hosts = on(
        bare, db1={"watchdog": False, "memory_mb": {"total": 1}}, db2={"glibc": "2.36", "watchdog": False}, db3=None
    )
    problems = preflight(wish(etcd=TWO, name="a b"), hosts)
    assert [problem.severity for problem in problems] == ["refuse"] * 5 + ["warn"] * 2
    text = report(problems)
    assert text.splitlines()[0] == "Nothing was changed, because:"
    assert "- db1, db2: it has no watchdog device [watchdog]" in text
    assert "- db3: it cannot be reached" in text
    assert "    Put a third host (a small one without data will do) into the group etcd, or take one out." in text


HOSTILE: tuple[Any, ...] = (
    None,
    "",
    "x\ny",
    "{{ 1/0 }}",
    -1,
    10**30,
    float("nan"),
    True,
    [],
    {},
    ["%s"],
    {"a": None},
    "\0",
    "../..",
)


@pytest.mark.parametrize("word", [*deployed(1), "nonsense"])
def test_no_answer_of_a_host_breaks_it(word):
    for value in HOSTILE:
        report(preflight(wish(), on(deployed, db1={word: value})))


def test_no_mixture_of_odd_answers_breaks_it():
    chance = random.Random(1)
    words = sorted(deployed(1))
    for _attempt in range(300):
        hosts = on(deployed)
        for name, word in itertools.product(NAMES, chance.sample(words, 4)):
            answer = copy.deepcopy(hosts[name][word])
            if isinstance(answer, dict) and answer:
                answer[chance.choice(sorted(answer))] = chance.choice(HOSTILE)
            hosts[name][word] = answer or chance.choice(HOSTILE)
        report(preflight(wish(), hosts))


def test_an_incomplete_wish_names_what_is_missing():
    asked = wish()
    del asked["protection"]
    with pytest.raises(KeyError, match="protection"):
        preflight(asked, {})
