# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import Refused, RemoteError
from ansible_collections.matriarch.pgcluster.plugins.modules.haproxy_server import ARGUMENTS, run
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.haproxy import FakeHaproxy, UnixServer
from ansible_collections.matriarch.pgcluster.tests.unit.fakes.systemd import FakeSystemd

TIMER = "matriarch-undrain-pg2"


@pytest.fixture
def host(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    haproxy, systemd = FakeHaproxy(), FakeSystemd(tmp_path)
    with tempfile.TemporaryDirectory(prefix="proxy-") as folder:  # short, for a socket's path has 107 bytes at most
        server = UnixServer(Path(folder) / "admin.sock", haproxy.answer)

        def asked(check=False, **params):
            defaults = {name: option.get("default") for name, option in ARGUMENTS.items()}
            return run({**defaults, "socket": server.path, **params}, check)

        yield haproxy, systemd, asked
        server.stop()


class TestOneServer:
    def test_it_is_drained_with_a_timer_that_ends_it(self, host):
        haproxy, systemd, asked = host
        answer = asked(server="pg2", state="drained")
        assert answer["changed"]
        assert haproxy.servers["replicas", "pg2"].state == "drain"
        assert systemd.armed == {TIMER}

    def test_it_serves_again_and_needs_no_timer(self, host):
        haproxy, systemd, asked = host
        asked(server="pg2", state="drained")
        assert asked(server="pg2", state="ready")["changed"]
        assert haproxy.servers["replicas", "pg2"].state == "ready"
        assert systemd.armed == set()

    @pytest.mark.parametrize("state", ["drained", "ready"])
    def test_check_mode_only_tells(self, host, state):
        haproxy, systemd, asked = host
        assert asked(check=True, server="pg2", state=state)["changed"] is (state == "drained")
        assert (haproxy.servers["replicas", "pg2"].state, systemd.armed) == ("ready", set())

    def test_one_that_is_not_there_is_refused(self, host):
        with pytest.raises(Refused, match=r"no server replicas/pg9; it has: .*replicas/pg1"):
            host[2](server="pg9", state="drained")


class TestWhatWasLeft:
    def test_it_serves_again(self, host):
        haproxy, systemd, asked = host
        asked(server="pg2", state="drained")
        answer = asked(state="ready")
        assert (answer["changed"], answer["brought_back"]) == (True, ["pg2"])
        assert haproxy.servers["replicas", "pg2"].state == "ready"
        assert systemd.armed == set()
        assert asked(state="ready")["changed"] is False

    def test_also_one_that_is_down_meanwhile(self, host):
        haproxy, _systemd, asked = host
        asked(server="pg2", state="drained")
        haproxy.servers["replicas", "pg2"].up = False
        assert asked(state="ready")["brought_back"] == ["pg2"]
        assert haproxy.servers["replicas", "pg2"].state == "ready"

    def test_what_somebody_drained_by_hand_stays(self, host):
        haproxy, _systemd, asked = host
        haproxy.servers["replicas", "pg3"].state = "drain"
        assert asked(state="ready")["brought_back"] == []
        assert haproxy.servers["replicas", "pg3"].state == "drain"

    def test_check_mode_only_tells(self, host):
        haproxy, systemd, asked = host
        asked(server="pg2", state="drained")
        assert asked(check=True, state="ready")["brought_back"] == ["pg2"]
        assert (haproxy.servers["replicas", "pg2"].state, systemd.armed) == ("drain", {TIMER})

    def test_a_haproxy_that_does_not_run_keeps_nobody_from_anything(self, host, tmp_path):
        _haproxy, _systemd, asked = host
        answer = asked(state="ready", socket=str(tmp_path / "nobody"))
        assert (answer["changed"], answer["brought_back"]) == (False, [])
        assert answer["warnings"][0].startswith("Nobody was brought back: 'show stat")

    def test_one_server_is_not_brought_back_without_haproxy(self, host, tmp_path):
        with pytest.raises(RemoteError):
            host[2](server="pg2", state="ready", socket=str(tmp_path / "nobody"))
