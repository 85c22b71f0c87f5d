"""The proof of the endpoints, against a cluster that lives in a dict."""

from __future__ import annotations

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import DeadlineExceeded, RemoteError
from ansible_collections.matriarch.pgcluster.plugins.modules import endpoint_check

ENDPOINTS = {
    "ro": {"hosts": ["10.0.0.1"], "port": 5001, "expect": "replica"},
    "rw": {"hosts": ["10.0.0.1"], "port": 5000, "expect": "leader"},
}


class FakeCluster:
    """Port 5000 leads to the leader, port 5001 to a replica, unless a test says otherwise."""

    def __init__(self) -> None:
        self.in_recovery = {5000: False, 5001: True}
        self.broken: dict[int, str] = {}
        self.visible = True
        self.tokens: dict[str, str] = {}

    def connect(self, hosts, port, login):
        return FakeSession(self, port)


class FakeSession:
    def __init__(self, cluster: FakeCluster, port: int) -> None:
        self.cluster, self.port = cluster, port
        if port in cluster.broken:
            raise RemoteError(cluster.broken[port])

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def server(self):
        return "10.0.0.9", self.cluster.in_recovery[self.port]

    def write_token(self, host, token):
        self.cluster.tokens[host] = token

    def read_token(self, host):
        return self.cluster.tokens.get(host) if self.cluster.visible else None


@pytest.fixture
def cluster(monkeypatch):
    fake = FakeCluster()
    monkeypatch.setattr(endpoint_check, "SqlClient", fake.connect)
    return fake


def check(check_mode=False, **changed):
    params = {
        "endpoints": ENDPOINTS,
        "user": "probe",
        "password": "s3cret-word",
        "database": "postgres",
        "ca_file": "/ca.crt",
        "host": "db1",
        "timeout": 0,
    }
    return endpoint_check.run({**params, **changed}, check_mode)


def test_what_is_written_through_the_leader_is_seen_on_the_replica(cluster):
    answer = check()
    assert set(answer["endpoints"]) == {"rw", "ro"}
    assert all(proof["problem"] is None for proof in answer["endpoints"].values())
    assert list(cluster.tokens) == ["db1"]


def test_check_mode_writes_nothing(cluster):
    check(check_mode=True)
    assert cluster.tokens == {}


@pytest.mark.parametrize(
    ("break_it", "told"),
    [
        (lambda c: c.in_recovery.update({5000: True}), "rw: a replica answers where the leader should"),
        (lambda c: c.in_recovery.update({5001: False}), "ro: the leader answers where a replica should"),
        (lambda c: c.broken.update({5001: "connection refused"}), "ro: connection refused"),
        (lambda c: setattr(c, "visible", False), "ro: does not show yet"),
    ],
)
def test_a_broken_promise_is_named_with_the_endpoint(cluster, break_it, told):
    break_it(cluster)
    with pytest.raises(DeadlineExceeded) as failed:
        check()
    assert told in str(failed.value)
    assert "journalctl" in str(failed.value)
    assert "s3cret-word" not in str(failed.value) + str(failed.value.details)
