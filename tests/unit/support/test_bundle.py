# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import io
import json
import stat
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleUndefinedVariable
from ansible_collections.matriarch.pgcluster.plugins.filter.support import support_parts, support_secrets
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.command import CommandError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.tail import tail, tail_of_file
from ansible_collections.matriarch.pgcluster.plugins.module_utils.support.gather import unpack
from ansible_collections.matriarch.pgcluster.plugins.modules import support_bundle, support_gather
from ansible_collections.matriarch.pgcluster.tests.unit.conftest import RunModule

SECRET = "kQ7pL2xW9vTz"


def encoded(*secrets: str) -> str:
    return base64.b64encode(json.dumps(secrets).encode()).decode()


@pytest.fixture
def given(tmp_path: Path, run_module: RunModule) -> dict[str, Any]:
    """What a host gives that has a configuration, a program that fails, and no journal of that name."""
    (tmp_path / "config.yml").write_text(f"password: {SECRET}\nport: 1\nnote: it is {SECRET}\n")
    answer = run_module(
        support_gather,
        files=[f"{tmp_path}/*.yml", f"{tmp_path}/gone.ini", f"{tmp_path}/*.nothing"],
        commands={
            "told": [sys.executable, "-c", f"print('x{SECRET[:5]}' '{SECRET[5:]}y'); raise SystemExit(3)"],
            "absent": ["/no/such/program"],
        },
        secrets=encoded(SECRET),
    )
    assert SECRET not in json.dumps(answer)
    return answer


class TestAHost:
    def test_what_it_has_comes_without_secrets(self, given: dict[str, Any], tmp_path: Path) -> None:
        assert unpack(given["archive"]) == {
            f"files{tmp_path}/config.yml": "password: <removed>\nport: 1\nnote: it is <removed>\n",
            "commands/told.txt": "x<removed>y\n\n(exit code 3)\n",
        }
        assert [item["removed"] for item in given["items"]] == [2, 1]

    def test_what_it_has_not_is_said(self, given: dict[str, Any], tmp_path: Path) -> None:
        missing = {each["name"]: each["why"] for each in given["missing"]}
        assert missing.keys() == {f"{tmp_path}/gone.ini", "commands/absent.txt"}
        assert "No such file" in missing["commands/absent.txt"]

    def test_check_mode_reads_nothing(self, tmp_path: Path, run_module: RunModule) -> None:
        (tmp_path / "a.yml").write_text("a: 1")
        answer = run_module(
            support_gather,
            check_mode=True,
            files=[f"{tmp_path}/a.yml"],
            commands={"x": ["/no/such/program"]},
            units=["patroni.service"],
        )
        names = [item["name"] for item in answer["items"]]
        assert names == [f"files{tmp_path}/a.yml", "commands/x.txt", "journal/patroni.service.log"]
        assert answer["archive"] == ""

    def test_of_a_large_file_the_end_is_taken(self, tmp_path: Path, run_module: RunModule) -> None:
        (tmp_path / "big.log").write_text("".join(f"line {number:05}\n" for number in range(1000)))
        answer = run_module(support_gather, files=[f"{tmp_path}/big.log"], most_bytes=100)
        (text,) = unpack(answer["archive"]).values()
        assert text.splitlines()[-1] == "line 00999"
        assert len(text) <= 100
        assert answer["items"][0]["dropped"] == 11 * 1000 - len(text)


class TestTails:
    def test_the_last_lines_that_a_program_prints(self) -> None:
        told = tail([sys.executable, "-c", "for n in range(100000): print(n)"], 12, 60)
        assert told.text == "99998\n99999\n"
        assert told.dropped > 500000

    def test_a_program_that_hangs_is_ended(self) -> None:
        with pytest.raises(CommandError, match="did not end within"):
            tail([sys.executable, "-c", "import time; time.sleep(60)"], 10, 0.2)

    def test_a_program_that_fails_says_why(self) -> None:
        with pytest.raises(CommandError, match="exit code 3: not so"):
            tail([sys.executable, "-c", "import sys; sys.stderr.write('not so'); sys.exit(3)"], 10, 10)

    def test_a_file_that_is_no_text(self, tmp_path: Path) -> None:
        (tmp_path / "x").write_bytes(b"\xff\xfe\n")
        assert tail_of_file(str(tmp_path / "x"), 10).text.endswith("\n")


UNLISTED = "nobody-told-of-this"
SAID = f"says {SECRET} and password={UNLISTED}"
STATUS = {"verdict": "degraded", "reasons": [{"subject": "db2", "problem": SAID}], "password": "other one"}


def write(run_module: RunModule, directory: Path, hosts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return run_module(
        support_bundle,
        directory=str(directory),
        cluster="main",
        since="-24h",
        version="0.1.0",
        parts=json.dumps({"status": STATUS, "hosts": hosts}),
        secrets=encoded(SECRET),
        **more,
    )


class TestABundle:
    def test_it_has_everything_in_one_folder(
        self, tmp_path: Path, given: dict[str, Any], run_module: RunModule
    ) -> None:
        written = write(run_module, tmp_path, {"db1": given, "db2": None})
        path = Path(written["path"])
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with tarfile.open(path) as archive:
            texts = {member.name: archive.extractfile(member) for member in archive.getmembers()}
            read = {name: file.read().decode() for name, file in texts.items() if file}
        assert {name.split("/")[0] for name in read} == {path.name.removesuffix(".tar.gz")}
        inside = {name.partition("/")[2]: text for name, text in read.items()}
        assert f"hosts/db1/files{tmp_path}/config.yml" in inside
        assert "db2 did not answer" in inside["INDEX.md"]
        assert "No such file" in inside["INDEX.md"]
        assert json.loads(inside["index.json"])["silent_hosts"] == ["db2"]
        assert json.loads(inside["status.json"])["password"] == "<removed>"
        assert not [name for name, text in inside.items() if SECRET in text or UNLISTED in text]
        assert (written["removed"], written["silent"]) == (3, ["db2"])

    def test_check_mode_says_what_would_be_in_it(
        self, tmp_path: Path, given: dict[str, Any], run_module: RunModule
    ) -> None:
        written = write(run_module, tmp_path, {"db1": given, "db2": None}, check_mode=True)
        assert "db1: commands/told.txt" in written["lines"]
        assert "db2 does not answer: nothing of it" in written["lines"]
        assert not Path(written["path"]).exists()

    def test_a_folder_that_is_not_there_is_said(self, tmp_path: Path, run_module: RunModule) -> None:
        assert "writing the bundle" in write(run_module, tmp_path / "none", {"db1": None})["msg"]


class Undefined(dict[str, Any]):
    """Variables as Ansible shows them: one that needs another that is not there says so when it is read."""

    def __getitem__(self, name: str) -> Any:
        if name == "broken_password":
            raise AnsibleUndefinedVariable("nope is undefined")
        return super().__getitem__(name)


def test_an_inventory_s_secrets_are_known(tmp_path: Path) -> None:
    for name, text in {
        "admin_password": "adminpw\n",
        "users/odd.password": "two\nlines",
        "pgpass": "*:*:*:admin:adminpw\n",
        "pg_service.conf": "[main-rw]\nhost=db1\npassword=servicepw\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    variables = Undefined(
        broken_password="", storage_secret_key="storagekey", ansible_ssh_private_key_file="/root/key", port=1
    )
    declared = {"users": [{"name": "x", "password": "userpw"}], "repositories": [{"type": "s3", "secret_key": "s3key"}]}
    found = json.loads(base64.b64decode(support_secrets(variables, declared, str(tmp_path), ["more"])))
    assert found == sorted(["adminpw", "two\nlines", "servicepw", "storagekey", "userpw", "s3key", "more"])


def test_a_host_that_gave_nothing_has_no_part() -> None:
    whole = {"items": [], "missing": [], "archive": "", "changed": False}
    hostvars: dict[str, dict[str, Any]] = {
        "db1": {"given": whole},
        "db2": {"given": {"unreachable": True}},
        "db3": {},
    }
    parts = support_parts({"hosts": ["db1", "db2", "db3", "db4"]}, hostvars, "given", ["db1", "db2", "db3"])
    assert parts == {"db1": {"items": [], "missing": [], "archive": ""}, "db2": None, "db3": None}


def test_the_archive_is_one_that_any_tar_reads(given: dict[str, Any]) -> None:
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(given["archive"]))) as archive:
        assert all(member.mode == 0o600 for member in archive.getmembers())
