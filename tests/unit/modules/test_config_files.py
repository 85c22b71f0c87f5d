# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module with real files in a directory of its own."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients import filesystem
from ansible_collections.matriarch.pgcluster.plugins.modules import config_files

SECRET = "xyzzy 1\nsecond line, xyzzy 2\n"


@pytest.fixture
def run(capsys):
    """Runs the module; returns its result, with all that it printed as `output`."""

    def call(*, check: bool = False, **options) -> dict:
        with patch_module_args({**options, "_ansible_check_mode": check}), pytest.raises(SystemExit):
            config_files.main()
        output = capsys.readouterr().out
        return {**json.loads(output), "output": output}

    return call


@pytest.fixture
def wish(tmp_path) -> dict:
    etc = tmp_path / "etc"
    (tmp_path / "old").write_text("old")
    return {
        "directories": [{"path": str(etc), "mode": "0750"}],
        "files": [
            {"path": str(etc / "a.cfg"), "content": "a = 1\n", "validate": "grep -q a %s"},
            {"path": str(etc / "password")},
        ],
        "secret_contents": {str(etc / "password"): SECRET},
        "links": [{"path": str(etc / "unit.service"), "target": "/dev/null"}],
        "absent": [str(tmp_path / "old")],
    }


def tree(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): oct(path.lstat().st_mode) for path in sorted(root.rglob("*"))}


def test_check_run_check_run(run, wish, tmp_path):
    before = tree(tmp_path)
    promised = run(check=True, **wish)
    assert tree(tmp_path) == before
    done = run(**wish)
    assert (promised["changed"], promised["changed_paths"]) == (done["changed"], done["changed_paths"])
    assert promised["diff"] == done["diff"]
    assert [Path(path).name for path in done["changed_paths"]] == ["etc", "a.cfg", "password", "unit.service", "old"]
    for again in (run(check=True, **wish), run(**wish)):
        assert (again["changed"], again["changed_paths"], again["diff"]) == (False, [], [])


def test_the_result_has_the_wished_contents_and_modes(run, wish, tmp_path):
    run(**wish)
    etc = tmp_path / "etc"
    assert (etc / "a.cfg").read_text() == "a = 1\n"
    assert (etc / "password").read_text() == SECRET
    assert (etc / "unit.service").readlink() == Path("/dev/null")
    assert {path.name: stat.S_IMODE(path.lstat().st_mode) for path in (etc, etc / "a.cfg", etc / "password")} == {
        "etc": 0o750,
        "a.cfg": 0o644,
        "password": 0o600,
    }
    assert sorted(path.name for path in etc.iterdir()) == ["a.cfg", "password", "unit.service"], (
        "nothing is left beside"
    )


def test_a_secret_is_in_no_output_and_no_log(run, wish, tmp_path, monkeypatch):
    logged = []
    monkeypatch.setattr(AnsibleModule, "log", lambda _self, msg, log_args=None: logged.append(f"{msg} {log_args}"))
    wish["files"][1]["validate"] = "false %s"
    outputs = [run(check=True, **wish)["output"]]
    wish["files"][1]["validate"] = "grep -c . %s"
    outputs += [run(**wish)["output"], run(**wish)["output"]]
    wish["secret_contents"][str(tmp_path / "etc/password")] = "another xyzzy"
    outputs.append(run(**wish)["output"])
    assert len(logged) == 4
    assert [text for text in outputs + logged if "xyzzy" in text] == []


def test_a_refused_content_changes_nothing_and_all_refusals_are_told(run, wish, tmp_path):
    before = tree(tmp_path)
    wish["files"][0]["validate"] = "sh -c 'echo line 1 is odd >&2; exit 3' %s"
    wish["files"][1]["validate"] = "sh -c 'cat $0; exit 1' %s"
    failed = run(**wish)
    assert failed["failed"]
    assert len(failed["refusals"]) == 2
    assert "exit code 3: line 1 is odd" in failed["refusals"][0]
    assert "output is withheld" in failed["refusals"][1]
    assert "second line" not in failed["output"]
    assert tree(tmp_path) == before


def test_an_unchanged_content_is_not_validated_again(run, wish):
    run(**wish)
    wish["files"][0]["validate"] = "false %s"
    assert run(**wish)["changed"] is False


def test_a_validator_sees_a_private_file_of_the_same_name(run, tmp_path):
    seen = tmp_path / "seen"
    script = f'stat -c "%%a" $0 > {seen}; basename $0 >> {seen}'.replace("%%", "%")
    run(files=[{"path": str(tmp_path / "x.service"), "content": "x", "validate": f"sh -c '{script}' %s"}])
    assert seen.read_text().split() == ["600", "x.service"]


def test_a_missing_validator_is_forgiven_in_check_mode_only(run, wish):
    wish["files"][0]["validate"] = "not-installed-yet --check %s"
    assert run(check=True, **wish)["changed"] is True
    assert "could not be run" in run(**wish)["msg"]


def test_a_validator_that_hangs_refuses(run, wish, monkeypatch):
    monkeypatch.setattr(filesystem, "VALIDATION", 0.05)
    wish["files"][0]["validate"] = "sh -c 'sleep 5' %s"
    assert "could not be run: sh did not end within" in run(**wish)["msg"]


def test_missing_accounts_are_forgiven_in_check_mode_only(run, wish):
    wish["files"][0]["owner"] = wish["directories"][0]["group"] = "not-there-yet"
    assert run(check=True, **wish)["changed"] is True
    failed = run(**wish)
    assert "the user not-there-yet does not exist" in failed["msg"]
    assert "the group not-there-yet does not exist" in failed["msg"]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"files": [{"path": "/x"}]}, "either in files or in secret_contents"),
        ({"files": [{"path": "/x", "content": "1"}], "secret_contents": {"/x": "2"}}, "either in files or"),
        ({"secret_contents": {"/y": "2"}}, "/y: secret_contents names no file"),
        ({"files": [{"path": "/x", "content": "", "mode": "420"}]}, "/x: mode '420' is not four octal digits"),
        ({"files": [{"path": "x", "content": ""}]}, "plain absolute path"),
        ({"files": [{"path": "/x", "content": "", "validate": "echo 'open quote %s"}]}, "No closing quotation"),
        ({"absent": ["/etc"]}, "directory with content, which is never removed"),
        ({"absent": ["/dev/null"]}, "never replaced"),
    ],
)
def test_senseless_wishes_are_refused(run, options, reason):
    failed = run(**options)
    assert failed["failed"]
    assert reason in failed["msg"]


@pytest.mark.parametrize(
    "content", ["", "{{ x }}", "%s $HOME `id` \\ \" '", "ä\u2028\u0000ö", "\r\n\r\n", "x" * 300_000]
)
def test_any_content_is_written_as_it_is(run, tmp_path, content):
    path = tmp_path / "a b\n%s.cfg"
    result = run(files=[{"path": str(path), "content": content, "validate": "test -e %s"}])
    assert result["changed_paths"] == [str(path)]
    assert path.read_bytes() == content.encode()


def test_a_link_in_the_place_of_a_file_is_replaced_not_followed(run, tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("untouched")
    link.symlink_to(target)
    run(files=[{"path": str(link), "content": "new"}])
    assert (link.is_symlink(), link.read_text(), target.read_text()) == (False, "new", "untouched")


def test_a_system_error_names_the_path_and_leaves_nothing_beside(run, tmp_path, monkeypatch):
    path = tmp_path / "a.cfg"
    path.write_text("old")

    def full(descriptor):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    failed = run(files=[{"path": str(path), "content": "new"}])
    assert f"{path} could not be made what it shall be (file): No space left on device" in failed["msg"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.cfg"]
    assert path.read_text() == "old"


def test_a_shared_directory_that_another_host_makes_meanwhile_is_taken(run, tmp_path, monkeypatch):
    path = tmp_path / "mounted" / "backups"
    look = filesystem.find

    def found_too_early(entry):
        found = look(entry)
        path.mkdir(parents=True)
        return found

    monkeypatch.setattr(filesystem, "find", found_too_early)
    done = run(directories=[{"path": str(path), "mode": "0750"}])
    assert done["changed_paths"] == [str(path)]
    assert oct(path.stat().st_mode) == "0o40750"
