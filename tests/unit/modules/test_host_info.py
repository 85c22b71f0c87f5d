# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module on hosts made of files: an ordinary one, a bare one, and hostile ones."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import time
from pathlib import Path

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients import (
    host_data,
    host_ports,
    host_system,
    parameter_trial,
)
from ansible_collections.matriarch.pgcluster.plugins.modules import host_info

OS_RELEASE = 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nVERSION_ID="13"\nVERSION_CODENAME=trixie\nID=debian\n# =\n'
TCP_HEADER = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
TCP = (
    "   0: 0B0A000A:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000   105        0 111 1 0 100 0 0 10 0\n"
    "   1: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000   105        0 112 1 0 100 0 0 10 0\n"
    "   2: 0B0A000A:1F48 0C0A000A:ABCD 01 00000000:00000000 00:00000000 00000000   105        0 113 1 0 100 0 0 10 0\n"
    "   3: cut off\n"
)
TCP6 = (
    "   0: 00000000000000000000000000000000:094B 00000000000000000000000000000000:0000 0A "
    "00000000:00000000 00:00000000 00000000     0        0 114 1 0 100 0 0 10 0\n"
)
PARAMS = {name: option.get("default") for name, option in host_info.ARGUMENTS.items()}


def write(root: Path, files: dict[str, str | bytes]) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def process(root: Path, pid: int, name: str, cgroup: str, inode: int) -> None:
    write(root, {f"proc/{pid}/comm": f"{name}\n", f"proc/{pid}/cgroup": f"0::{cgroup}\n"})
    descriptors = root / f"proc/{pid}/fd"
    descriptors.mkdir()
    (descriptors / "3").symlink_to(f"socket:[{inode}]")


@pytest.fixture
def root(tmp_path) -> Path:
    write(
        tmp_path,
        {
            "etc/os-release": OS_RELEASE,
            "proc/meminfo": "MemTotal:        8131280 kB\nSwapTotal:       1048576 kB\n",
            "proc/net/tcp": TCP_HEADER + TCP,
            "proc/net/tcp6": TCP_HEADER + TCP6,
            "proc/sys/vm/swappiness": "60\n",
            "sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never\n",
            "var/lib/postgresql/17/main/PG_VERSION": "17\n",
            "var/lib/postgresql/17/main/global/pg_control": struct.pack("=QI", 7642011472967116994, 1700) + bytes(500),
            "var/lib/etcd/member/snap/db": "",
            "var/lib/etcd/member/wal/0000000000000000-0000000000000000.wal": "",
            "etc/matriarch/release.json": '{"cluster": "main", "version": "0.1.0"}',
            "etc/patroni/config.yml": "# scope: old\nname: db1\nscope: 'main' # the cluster\n",
        },
    )
    process(tmp_path, 900, "postgres", "/system.slice/patroni.service", 111)
    process(tmp_path, 812, "postgres", "/system.slice/system-postgresql.slice/postgresql@17-main.service", 112)
    process(tmp_path, 77, "etcd", "/user.slice/user-1000.slice/session-2.scope", 114)
    return tmp_path


def host(root: Path, **options) -> dict:
    return host_info.host_of({**PARAMS, **options}, root)


def test_the_module_changes_nothing_and_tells_the_clock_offset(capsys):
    with (
        patch_module_args({"controller_epoch": time.time() - 5, "_ansible_check_mode": True}),
        pytest.raises(SystemExit),
    ):
        host_info.main()
    result = json.loads(capsys.readouterr().out)
    assert result["changed"] is False
    assert 5 <= result["host"]["clock_offset"] < 8
    assert abs(result["host"]["clock_epoch"] - time.time()) < 3


def test_system_of_an_ordinary_host(root):
    found = host(root)
    assert {**found["os"], "arch": "any"} == {
        "id": "debian",
        "version_id": "13",
        "codename": "trixie",
        "pretty": "Debian GNU/Linux 13 (trixie)",
        "arch": "any",
    }
    assert found["memory_mb"] == {"total": 7940, "swap": 1024}
    assert found["transparent_hugepages"] == "madvise"
    assert found["sysctls"] == {"vm.overcommit_memory": None, "vm.swappiness": "60"}
    assert found["watchdog"] is False


def test_a_memory_limit_counts(root):
    write(root, {"sys/fs/cgroup/memory.max": "1073741824\n"})
    assert host_system.memory_mb(root)["total"] == 1024
    write(root, {"sys/fs/cgroup/memory.max": "max\n"})
    assert host_system.memory_mb(root)["total"] == 7940


def test_parameters_are_asked_of_a_program_that_is_installed(root, monkeypatch):
    assert host(root)["refused_parameters"] is None
    program, parameters = str(root / "postgres"), {"work_memory": 1}
    assert host(root, postgresql_program=program, postgresql_parameters=parameters)["refused_parameters"] is None
    monkeypatch.setattr(parameter_trial, "refused", lambda *asked: {"asked": asked})
    found = host(root, postgresql_program=program, postgresql_parameters=parameters)
    assert found["refused_parameters"] == {"asked": (Path(program), parameters)}


def test_an_etcd_that_could_not_begin_is_no_member(root):
    shutil.rmtree(root / "var/lib/etcd/member/wal")
    assert host(root, etcd_data_directory="/var/lib/etcd")["etcd_data_directory"]["has_member"] is False
    (root / "var/lib/etcd/member/wal").mkdir()
    assert host(root, etcd_data_directory="/var/lib/etcd")["etcd_data_directory"]["has_member"] is False


def test_the_newest_icu_counts(root):
    write(root, {f"usr/lib/x86_64-linux-gnu/libicui18n.so.{version}": "" for version in ("9.1", "76.1", "72", "72.1")})
    assert host_system.icu(root) == "76.1"


def test_owners_of_ports(root):
    assert host_ports.owners(root, [5432, 2379, 8008]) == {
        "5432": {
            "addresses": ["10.0.10.11", "127.0.0.1"],
            "pid": 900,
            "process": "postgres",
            "unit": "patroni.service",
        },
        "2379": {"addresses": ["::"], "pid": 77, "process": "etcd", "unit": "session-2.scope"},
        "8008": None,
    }


def test_an_owner_whom_proc_hides_is_unknown(root):
    shutil.rmtree(root / "proc/77")
    (root / "proc/900/fd/4").symlink_to("anon_inode:[eventpoll]")
    assert host_ports.owners(root, [2379])["2379"] == {
        "addresses": ["::"],
        "pid": None,
        "process": None,
        "unit": None,
    }


def test_an_owner_that_closes_a_descriptor_meanwhile_is_seen(root, monkeypatch):
    (root / "proc/900/fd/2").touch()  # cannot be read as a link, as one that is gone
    entries = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda path: iter(sorted(entries(path))))
    assert (host_ports.owners(root, [5432])["5432"] or {}).get("pid") == 900


def test_an_owner_that_starts_again_meanwhile_is_seen(root, monkeypatch):
    former = host_ports.Listener(2379, "::", "98")
    tables = iter([[former], list(host_ports.listeners(root))])
    monkeypatch.setattr(host_ports, "listeners", lambda _root: next(tables))
    assert (host_ports.owners(root, [2379])["2379"] or {}).get("pid") == 77


def test_data_directories(root):
    found = host(root, data_directory="/var/lib/postgresql/17/main", etcd_data_directory="/var/lib/etcd")
    postgres, etcd = found["data_directory"], found["etcd_data_directory"]
    assert (postgres["version"], postgres["system_identifier"]) == ("17", "7642011472967116994")
    assert (postgres["exists"], postgres["empty"], postgres["entries"]) == (True, False, ["PG_VERSION", "global"])
    assert (etcd["has_member"], etcd["path"]) == (True, "/var/lib/etcd")


def test_a_data_directory_that_is_not_there_or_is_no_directory(root):
    missing = host_data.data_directory(root, "/srv/nothing")
    assert (missing["exists"], missing["empty"], missing["version"], missing["system_identifier"]) == (
        False,
        True,
        None,
        None,
    )
    write(root, {"srv/file": "x", "srv/cut/global/pg_control": b"1234"})
    in_the_way = host_data.data_directory(root, "/srv/file")
    assert (in_the_way["exists"], in_the_way["empty"]) == (True, False)
    assert host_data.data_directory(root, "/srv/cut")["system_identifier"] is None


def test_the_nearest_parent_stands_for_a_path_that_will_be(root):
    assert host_data.disk(root, "/var/lib/postgresql/99/not/yet")["free_mb"] >= 0


def test_stamp_and_scope(root):
    found = host(root)
    assert (found["release"], found["patroni_scope"]) == ({"cluster": "main", "version": "0.1.0"}, "main")


def test_a_bare_host_has_no_traces(tmp_path):
    found = host(tmp_path, data_directory="/var/lib/postgresql/17/main", etcd_data_directory="/var/lib/etcd")
    assert (found["release"], found["patroni_scope"], found["ca_fingerprints"]) == (None, None, [])
    assert found["certificate"] == {"present": False}
    assert not {"release", "certificate", "data_directory", "etcd_data_directory"} & set(found["unreadable"])


@pytest.mark.parametrize(
    ("name", "content", "unread"),
    [
        ("etc/matriarch/release.json", "{", "release"),
        ("etc/matriarch/release.json", "[]", "release"),
        ("etc/matriarch/release.json", b"\xff\xfe", "release"),
        ("proc/meminfo", "nothing of use", "memory_mb"),
        ("proc/net/tcp", TCP_HEADER + TCP.replace("0B0A000A:1538", "nothex:1538"), "ports"),
        ("etc/matriarch/tls/host.crt", "no certificate", "certificate"),
        ("etc/matriarch/tls/ca.crt", "-----BEGIN CERTIFICATE-----\n?\n-----END CERTIFICATE-----", "ca_fingerprints"),
    ],
)
def test_what_makes_no_sense_is_null_with_its_reason(root, name, content, unread):
    write(root, {name: content})
    found = host(root, ports=[5432])
    assert found[unread] is None
    assert found["unreadable"][unread]
    assert found["os"]["id"] == "debian", "the rest is told all the same"


def test_commands_that_are_not_there_or_fail(root, monkeypatch):
    def no_such_command(argv, **_options):
        raise FileNotFoundError(2, "No such file or directory", argv[0])

    monkeypatch.setattr(subprocess, "run", no_such_command)
    found = host(root, packages=["patroni"], units=["patroni.service"])
    assert {"virtualization", "interfaces", "packages", "units"} <= set(found["unreadable"])
    assert (found["addresses"], found["packages"]) == (None, None)


@pytest.fixture
def answer(monkeypatch):
    """Makes every command print a text."""

    def prepare(text: str) -> None:
        monkeypatch.setattr(host_system, "run", lambda argv, accepted=(0,): text)

    return prepare


def test_packages(answer):
    answer("patroni installed 4.0.7-1\netcd-server config-files 3.5.16\nodd line\nother installed 1\n")
    assert host_system.packages(["patroni", "etcd-server", "haproxy"]) == {
        "patroni": "4.0.7-1",
        "etcd-server": None,
        "haproxy": None,
    }
    assert host_system.packages([]) == {}


def test_a_host_that_never_asked_for_packages_has_no_lists_of_them(root):
    lists = root / "var/lib/apt/lists"
    assert host(root)["package_lists"] is False
    (lists / "partial").mkdir(parents=True)
    (lists / "lock").touch()
    assert host(root)["package_lists"] is False
    (lists / "deb.example.org_debian_dists_trixie_main_binary-amd64_Packages.lz4").touch()
    assert host(root)["package_lists"] is True


def test_units(answer):
    answer(
        "LoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled\n\n"
        "LoadState=not-found\nActiveState=inactive\nSubState=dead\nUnitFileState=\n"
    )
    assert host_system.units(["etcd.service", "b.service"]) == {
        "etcd.service": {"load": "loaded", "active": "active", "sub": "running", "enabled": "enabled"},
        "b.service": {"load": "not-found", "active": "inactive", "sub": "dead", "enabled": None},
    }
    assert host_system.units([]) == {}
    with pytest.raises(ValueError, match="2 times to 1 units"):
        host_system.units(["a*.service"])


def test_a_unit_that_started_before_one_of_its_files_changed(root, answer):
    files = {"etcd.service": ["/etc/etcd/etcd.env", "/etc/systemd/system/etcd.service", "/etc/none"]}
    write(root, {name.lstrip("/"): "" for name in files["etcd.service"][:2]})
    os.utime(root / "etc/etcd/etcd.env", (1000, 1000))
    os.utime(root / "etc/systemd/system/etcd.service", (2000, 2000))
    answer("ExecMainStartTimestamp=@2000\nActiveState=active\n")
    assert host(root, files_at_start=files)["outdated_units"] == []
    os.utime(root / "etc/etcd/etcd.env", (2001, 2001))
    assert host(root, files_at_start=files)["outdated_units"] == ["etcd.service"]


@pytest.mark.parametrize(
    ("text", "container"),
    [("none\n", False), ("kvm\n", False), ("systemd-nspawn\n", True), ("container-other\n", True)],
)
def test_virtualization(answer, text, container):
    answer(text)
    assert host_system.virtualization() == {"kind": text.strip(), "container": container}


def test_interfaces(answer):
    answer(
        '[{"ifname": "lo", "addr_info": [{"local": "127.0.0.1", "prefixlen": 8}]}, {},'
        ' {"ifname": "host0", "addr_info": [{"local": "10.0.0.11", "prefixlen": 24}, {}]}, {"ifname": "x"}]'
    )
    found = host_system.interfaces()
    assert found == {"lo": ["127.0.0.1/8"], "host0": ["10.0.0.11/24"], "x": []}
    assert host_info.addresses(found) == ["127.0.0.1", "10.0.0.11"]
    assert host_info.addresses(None) is None


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")
def test_certificates(root):
    tls = root / "etc/matriarch/tls"
    tls.mkdir(parents=True)
    make_certificates(tls)
    found = host(root)
    certificate = found["certificate"]
    assert certificate["sans"] == ["DNS:db1", "IP:10.0.0.11", "IP:2001:db8::1"]
    assert (certificate["matches_key"], certificate["issued_by_ca"]) == (True, True)
    assert 0 <= certificate["not_after_epoch"] - certificate["not_before_epoch"] - 3 * 86400 < 2
    der = subprocess.run(
        ["openssl", "x509", "-in", str(tls / "ca.crt"), "-outform", "DER"], capture_output=True, check=True
    ).stdout
    digest = subprocess.run(["openssl", "sha256", "-r"], input=der, capture_output=True, check=True).stdout
    assert found["ca_fingerprints"] == [digest.decode().split()[0]]

    (tls / "host.key").write_bytes((tls / "ca.key").read_bytes())
    (tls / "ca.crt").write_bytes((tls / "host.crt").read_bytes())
    certificate = host(root)["certificate"]
    assert (certificate["matches_key"], certificate["issued_by_ca"]) == (False, False)

    (tls / "host.key").write_text("cut off", encoding="ascii")
    assert host(root)["certificate"]["matches_key"] is False
    (tls / "host.key").unlink()
    assert host(root)["certificate"]["matches_key"] is False


def make_certificates(tls: Path) -> None:
    new_key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
    for command in (
        f"req -x509 {new_key} -keyout ca.key -out ca.crt -days 3 -subj /CN=ca",
        f"req -x509 {new_key} -keyout host.key -out host.crt -days 3 -subj /CN=db1 -CA ca.crt -CAkey ca.key"
        " -addext subjectAltName=DNS:db1,IP:10.0.0.11,IP:2001:db8::1",
    ):
        subprocess.run(["openssl", *command.split()], cwd=tls, capture_output=True, check=True)
