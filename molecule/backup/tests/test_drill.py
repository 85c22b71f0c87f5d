"""The newest backup is restored beside a standby, only what is good is called good, and who risks data asks for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from integration.backup_engines import Engine
from integration.backups import Storage, leading
from integration.inventory import Cluster, Machine
from integration.operations import WHOLE_SECONDS, Outcome, adhoc, is_whole, play, start, started
from integration.watch import Connect, eventually
from lab import Lab
from testinfra.host import Host

Login = Callable[[Machine], Host]

ARCHIVED_SECONDS = 600  # a canary comes each minute, and an idle cluster archives it after five
PSQL = "runuser -u postgres -- psql -qXAt -v ON_ERROR_STOP=1"
SCRATCH = "/var/lib/postgresql/17/main.drill"
PROOF = "/var/lib/matriarch/backup/proof.json"
NOTE = {"wish": {"target": "latest"}, "note": {"stamp": "20261201T020000Z", "worker": "db3"}}

pytestmark = pytest.mark.usefixtures("whole")


@pytest.fixture
def whole(cluster: Cluster) -> None:
    """The test begins with a cluster that lacks nothing."""
    eventually("the cluster is whole", WHOLE_SECONDS, lambda: is_whole(cluster))


@pytest.fixture
def storage(lab: Lab) -> Storage:
    return Storage(lab.address("s3"))


@pytest.fixture(scope="module", autouse=True)
def canary(cluster: Cluster) -> None:
    """There is a backup, and log after it in which a canary must be."""
    eventually("there is a backup", ARCHIVED_SECONDS, lambda: play(cluster, "backup").ok)
    eventually("a drill is possible", ARCHIVED_SECONDS, lambda: play(cluster, "restore_drill", check=True).ok)


@pytest.fixture
def bad_log(storage: Storage, cluster: Cluster, engine: Engine) -> Iterator[str]:
    """The newest segment of WAL in the repository, spoilt; put right afterwards."""
    path = max(storage.segments(engine.archive_of(cluster.name)))
    content = storage.read(path)
    aside = storage.put_aside(path)  # what the server knows of it would not be written back
    storage.write(path, content[:-100] + bytes(100))
    yield path
    storage.bring_back(aside)


def proof(login: Login, machine: Machine) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(login(machine).check_output(f"cat {PROOF}"))
    return told


def verdict(cluster: Cluster, login: Login) -> dict[str, Any]:
    """The newest drill that any member knows of."""
    known = [proof(login, m)["drill"] for m in cluster.postgres if login(m).file(PROOF).exists]
    newest: dict[str, Any] = max((each for each in known if each), key=lambda each: each["at"])
    return newest


def nothing_is_left(cluster: Cluster, login: Login) -> bool:
    """No folder, and no process that works on one."""
    asked = f"ls -d {SCRATCH}; pgrep -f main.drill"
    return all(login(m).run(asked).stdout == "" for m in cluster.postgres)


def drill(cluster: Cluster, **told: Any) -> Outcome:
    return play(cluster, "restore_drill", seconds=900, **told)


def test_check_mode_says_who_would_restore_what(cluster: Cluster, login: Login) -> None:
    plan = play(cluster, "restore_drill", check=True)
    assert plan.ok, plan.tail
    assert "would restore" in plan.said
    assert f"{leading(cluster).name} would" not in plan.said
    assert nothing_is_left(cluster, login)


def test_a_good_one(connect: Connect, cluster: Cluster, login: Login) -> None:
    before = started(connect, cluster)
    done = drill(cluster)
    assert done.ok, done.tail
    assert "changed=0" in done.stdout
    told = verdict(cluster, login)
    assert told["good"]
    assert told["member"] != leading(cluster).name
    assert told["facts"]["checksums"]
    assert 0 < told["facts"]["rto_seconds"] < 300
    assert 0 <= told["facts"]["rpo_seconds"] < 420
    assert started(connect, cluster) == before
    assert nothing_is_left(cluster, login)


def test_the_status_tells_of_it(cluster: Cluster, login: Login) -> None:
    done = play(cluster, "status", format="json")
    assert done.ok, done.tail
    assert "nobody has ever seen" not in done.stdout
    assert verdict(cluster, login)["at"] in done.stdout


def test_on_the_leader_only_when_told(cluster: Cluster, login: Login) -> None:
    refused = drill(cluster, on=leading(cluster).name)
    assert not refused.ok
    assert "-e even_on_leader=true" in refused.said
    done = drill(cluster, on=leading(cluster).name, even_on_leader=True)
    assert done.ok, done.tail
    assert verdict(cluster, login)["member"] == leading(cluster).name


def test_a_row_that_must_be_there_and_is_not(cluster: Cluster, login: Login) -> None:
    """As if log were lost at the end of the archive: rows that were written long before that are not in it."""
    row = "INSERT INTO matriarch.canary SELECT max(number) + 1, now(), '0/1' FROM matriarch.canary"
    login(leading(cluster)).check_output(f"{PSQL} -c 'SELECT pg_switch_wal()'")  # the next one comes in five minutes
    for _row in range(2):
        login(leading(cluster)).check_output(f'{PSQL} -c "{row}"')
    try:
        done = drill(cluster)
    finally:
        login(leading(cluster)).check_output(f"{PSQL} -c \"DELETE FROM matriarch.canary WHERE position = '0/1'\"")
    assert not done.ok
    assert "is not in the restored data" in done.said, done.tail
    assert not verdict(cluster, login)["good"]
    assert nothing_is_left(cluster, login)


def test_log_that_is_spoilt(cluster: Cluster, login: Login, bad_log: str) -> None:
    done = drill(cluster)
    assert not done.ok
    assert "The backups cannot be relied on" in done.said, done.tail
    assert not verdict(cluster, login)["good"]
    assert nothing_is_left(cluster, login)


def standby(cluster: Cluster) -> str:
    """One that can be removed: it does not lead."""
    return next(m.name for m in cluster.postgres if m != leading(cluster))


class TestGate:
    """The last drill was bad."""

    def test_the_status_is_degraded(self, cluster: Cluster) -> None:
        done = play(cluster, "status", format="json")
        assert not done.ok
        assert "the last restore drill" in done.stdout

    @pytest.mark.parametrize(
        ("playbook", "told"),
        [
            ("restore", {"target": "latest", "confirm": "main"}),
            ("remove_member", {"unprotected": True}),
        ],
        ids=["restore", "remove"],
    )
    def test_nothing_is_put_at_risk(
        self, cluster: Cluster, connect: Connect, playbook: str, told: dict[str, Any]
    ) -> None:
        before = started(connect, cluster)
        whom: dict[str, Any] = {"member": standby(cluster)} if playbook == "remove_member" else {}
        done = play(cluster, playbook, **told, **whom)
        assert not done.ok
        assert "the last restore drill" in done.said, done.tail
        assert "-e backup_gate=false" in done.said
        assert done.report["outcome"] == "refused"
        assert started(connect, cluster) == before

    def test_a_forced_failover_shows_what_would_be_lost_all_the_same(self, cluster: Cluster) -> None:
        plan = play(cluster, "failover", check=True, force=True)
        assert "the last restore drill" in plan.said, plan.tail

    @pytest.mark.parametrize("no", [False, "false", "no"])
    def test_who_says_so_goes_without(self, cluster: Cluster, no: object) -> None:
        plan = play(cluster, "restore", check=True, target="latest", backup_gate=no)
        assert plan.ok, plan.tail

    def test_a_good_one_opens_it(self, cluster: Cluster, login: Login) -> None:
        made = play(cluster, "backup")  # the segment that was spoilt lies before it
        assert made.ok, made.tail
        done = drill(cluster)
        assert done.ok, done.tail
        assert play(cluster, "restore", check=True, target="latest").ok
        assert play(cluster, "remove_member", check=True, member=standby(cluster), unprotected=True).ok

    def test_a_storage_that_is_silent_closes_it(self, cluster: Cluster, login: Login, engine: Engine) -> None:
        path, change = engine.broken["bucket"]
        for machine in cluster.postgres:
            login(machine).check_output("sed --in-place=.kept %s %s", change, path)
        try:
            done = play(cluster, "remove_member", check=True, member=standby(cluster), unprotected=True)
        finally:
            for machine in cluster.postgres:
                login(machine).check_output("mv %s.kept %s", path, path)
        assert not done.ok
        assert "the backups cannot be read now" in done.said, done.tail


def running(cluster: Cluster, login: Login) -> Machine | None:
    return next((m for m in cluster.postgres if login(m).file(f"{SCRATCH}/data/PG_VERSION").exists), None)


def test_killed_in_the_middle_it_leaves_nothing(cluster: Cluster, login: Login) -> None:
    with start(cluster, "restore_drill") as run:
        eventually("a drill restores", 120, lambda: running(cluster, login) is not None)
        at_it = running(cluster, login)
        assert at_it is not None
        login(at_it).check_output("systemctl kill --kill-whom=main --signal=KILL matriarch-drill@now.service")
        done = run.finish(120)
    assert not done.ok
    assert "came to no verdict" in done.said, done.tail
    eventually("nothing is left", 60, lambda: nothing_is_left(cluster, login))
    assert "came to no verdict" in play(cluster, "status", format="json").stdout
    again = drill(cluster)
    assert again.ok, again.tail
    assert play(cluster, "status", format="json").ok


def test_a_host_that_dies_under_it_clears_up_when_it_is_back(
    cluster: Cluster, login: Login, lab: Lab, connect: Connect
) -> None:
    with start(cluster, "restore_drill") as run:
        eventually("a drill restores", 120, lambda: running(cluster, login) is not None)
        at_it = running(cluster, login)
        assert at_it is not None
        lab.power_cut(at_it.name)
        run.kill()
    lab.start(at_it.name)
    eventually("the cluster is whole", WHOLE_SECONDS, lambda: is_whole(cluster))
    eventually("the timer has cleared up", 180, lambda: not login(at_it).file(SCRATCH).exists)
    again = drill(cluster)
    assert again.ok, again.tail


def test_the_timer_makes_one_when_it_is_due(cluster: Cluster, login: Login) -> None:
    """Declared, and begun as the timer begins it; on every member at once, and one of them does it."""
    declared = play(cluster, "site", backup_drill_schedule="daily")
    assert declared.ok, declared.tail
    try:
        for machine in cluster.postgres:
            login(machine).check_output("rm -f %s", PROOF)
        login(cluster.postgres[0]).check_output(f"{ETCDCTL} del /matriarch/main/proof")
        for machine in cluster.postgres:
            login(machine).run("systemctl start --no-block matriarch-drill@scheduled.service")
        eventually("a verdict", 300, lambda: any(login(m).file(PROOF).exists for m in cluster.postgres))
        assert verdict(cluster, login)["good"]
        for machine in cluster.postgres:
            login(machine).run("systemctl start matriarch-drill@scheduled.service")
        assert len({proof(login, m)["drill"]["at"] for m in cluster.postgres}) == 1
    finally:
        play(cluster, "site")


ETCDCTL = (
    "ETCDCTL_API=3 etcdctl --cacert=/etc/matriarch/tls/ca.crt --cert=/etc/matriarch/tls/host.crt "
    "--key=/etc/matriarch/tls/host.key --endpoints=https://$(hostname -I | cut -d' ' -f1):2379"
)


def test_while_a_restore_stands_site_brings_nothing_back(cluster: Cluster) -> None:
    machine = cluster.postgres[0]
    address = f"https://{machine.address}:2379"
    tls = {"ca_file": "/etc/matriarch/tls/ca.crt", "client_cert": "/etc/matriarch/tls/host.crt"}
    about = {"cluster": "main", "urls": [address], **tls, "client_key": "/etc/matriarch/tls/host.key"}
    stopped = {**NOTE, "note": {**NOTE["note"], "committed": True}}
    for note, words in ((NOTE, "or give it up"), (stopped, "is half done, and has stopped the cluster")):
        adhoc(cluster, machine, "restore_note", {**about, "state": "noted", **note})
        try:
            done = play(cluster, "site", check=True)
            assert not done.ok
            assert words in done.said, done.tail
            told = play(cluster, "status", format="json")
            assert "a restore to latest is" in told.stdout
            assert told.ok is (note is NOTE)
        finally:
            adhoc(cluster, machine, "restore_note", {**about, "state": "absent"})
    assert play(cluster, "site", check=True).ok
