"""A lost etcd is rebuilt below a cluster that goes on, by one operator at a time."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

import pytest
from integration.inventory import Cluster, Machine
from integration.load import Load
from integration.operations import WHOLE_SECONDS, adhoc, is_whole, play, standing, started, thorough
from integration.watch import Connect, eventually
from testinfra.host import Host

Login = Callable[[Machine], Host]
SOMEBODY = {"who": "somebody else", "host": "another-desk", "pid": 4711}
NOTICED_SECONDS = 90
TLS = "/etc/matriarch/tls"
ETCDCTL = f"etcdctl --cacert {TLS}/ca.crt --cert {TLS}/host.crt --key {TLS}/host.key --write-out=json"
LOSE = "systemctl stop etcd; rm -rf /var/lib/etcd/*"

pytestmark = [pytest.mark.usefixtures("whole"), thorough]


@pytest.fixture
def held_by_somebody(cluster: Cluster) -> Iterator[None]:
    """On one host, which is enough."""
    wish = {"cluster": cluster.name, "operation": "rebuild_etcd", "holder": SOMEBODY}
    assert adhoc(cluster, cluster.etcd[-1], "host_lock", wish)["available"]
    yield
    adhoc(cluster, cluster.etcd[-1], "host_lock", {**wish, "state": "released"})


def test_a_lost_majority(
    connect: Connect, cluster: Cluster, login: Login, database: str, request: pytest.FixtureRequest
) -> None:
    before, since = standing(connect, cluster), started(connect, cluster)
    with Load(connect, cluster, database) as load:
        for machine in cluster.etcd[1:]:
            login(machine).check_output(LOSE)
        eventually("every Patroni says that etcd is lost", NOTICED_SECONDS, lambda: asks_for_a_word(cluster))

        plan = play(cluster, "rebuild_etcd", check=True, confirm=cluster.name)
        assert plan.ok, plan.tail
        assert not plan.changed

        request.getfixturevalue("held_by_somebody")
        refused = play(cluster, "rebuild_etcd", confirm=cluster.name)
        assert not refused.ok
        assert "rebuild_etcd by somebody else on another-desk" in refused.said
        assert login(cluster.etcd[1]).run("systemctl is-active etcd").rc != 0
        assert {len(locks(machine, login)) for machine in cluster.machines[:-1]} == {0}, "it has taken its own back"

        rebuilt = play(cluster, "rebuild_etcd", confirm=cluster.name, operation_force=True)
        assert rebuilt.ok, rebuilt.tail
        eventually("the cluster is whole", WHOLE_SECONDS, lambda: is_whole(cluster))
    assert load.errors == [], load
    assert load.lost() == set(), load
    assert (standing(connect, cluster), started(connect, cluster)) == (before, since)
    assert [lock for machine in cluster.machines for lock in locks(machine, login)] == []
    eventually("all members hold the same", WHOLE_SECONDS, lambda: len(set(hashes(cluster, login))) == 1)
    again = play(cluster, "rebuild_etcd", confirm=cluster.name)
    assert again.ok, again.tail
    assert "changed=0" in again.stdout
    assert re.search(r"changed=[1-9]", again.stdout) is None


def asks_for_a_word(cluster: Cluster) -> bool:
    """Whether a rebuilding is planned, and only the confirmation is lacking."""
    unconfirmed = play(cluster, "rebuild_etcd")
    assert not unconfirmed.ok
    return f"-e confirm={cluster.name}" in unconfirmed.said


def hashes(cluster: Cluster, login: Login) -> list[int]:
    """What each member says of all keys up to the revision that the last of them has."""
    etcdctl = f"{ETCDCTL} --endpoints={','.join(f'https://{machine.address}:2379' for machine in cluster.etcd)}"
    host = login(cluster.etcd[0])
    status = json.loads(host.check_output(f"{etcdctl} endpoint status"))
    revision = min(told["Status"]["header"]["revision"] for told in status)
    told = json.loads(host.check_output(f"{etcdctl} endpoint hashkv --rev={revision}"))
    assert len(told) == len(cluster.etcd)
    return [each["HashKV"]["hash"] for each in told]


def locks(machine: Machine, login: Login) -> list[str]:
    found: str = login(machine).run("ls /run/matriarch/locks/*.json").stdout
    return found.split()
