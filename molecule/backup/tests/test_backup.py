"""Backups come by themselves, on demand and after faults; WAL has no gap; what is bad is found."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from integration.backup_engines import ENGINES, Engine
from integration.backups import Storage, gaps, leading, told
from integration.inventory import Cluster, Machine
from integration.load import Load
from integration.operations import is_whole, play
from integration.watch import Connect, eventually
from lab import Lab
from testinfra.host import Host

Login = Callable[[Machine], Host]

FIRST_BACKUP_SECONDS = 300
ARCHIVED_SECONDS = 240
AT_ONCE_SECONDS = 60
WHOLE_SECONDS = 180
HELD_MS = 5000
S3_PORT = 8443
ROW_LENGTH = 30 * 32
FILL = "INSERT INTO bulk SELECT repeat(md5(i::text), 30) FROM generate_series(1, 60000) AS i"
TABLE = "CREATE TABLE IF NOT EXISTS bulk (content text)"
SEGMENT = "SELECT pg_walfile_name(pg_current_wal_lsn())"
SWITCH = "SELECT pg_switch_wal()"


@pytest.fixture
def storage(lab: Lab) -> Storage:
    return Storage(lab.address("s3"))


@pytest.fixture
def dead_repository(lab: Lab) -> Iterator[Callable[[], int]]:
    """Nobody reaches the storage; what is returned lets everybody again, and counts the packets that were lost."""
    lab.block("s3", ports=[S3_PORT])
    yield lambda: lab.unblock("s3")
    lab.unblock("s3")


def fill(login: Login, machine: Machine, *statements: str) -> str:
    """Run statements, then begin a new segment of WAL; the name of the one that is full."""
    asked = [TABLE, *statements, SEGMENT, SWITCH]
    words = " ".join(f'-c "{statement}"' for statement in asked)
    psql = f"runuser -u postgres -- psql -qXAt -v ON_ERROR_STOP=1 {words} backup_verification"
    return str(login(machine).run_expect([0], psql).stdout.split()[0])


def test_the_first_backup_comes_by_itself(connect: Connect, cluster: Cluster) -> None:
    eventually("a backup that can be restored", FIRST_BACKUP_SECONDS, lambda: restorable(cluster))
    answer = told(cluster)
    assert answer["backups"][0]["kind"] == "full"
    assert gaps(answer) == []


def restorable(cluster: Cluster) -> bool:
    return any(each["restorable"] for each in told(cluster)["backups"])


def test_it_was_made_by_a_standby(connect: Connect, cluster: Cluster, login: Login) -> None:
    """Whoever makes it notes in the state that it was his attempt, when all of it is done."""

    def made() -> list[Machine]:
        return [each for each in cluster.postgres if '"attempted_at": ""' not in state(login, each)]

    eventually("somebody has made it", AT_ONCE_SECONDS, lambda: made() != [])
    assert leading(cluster) not in made()


def state(login: Login, machine: Machine) -> str:
    return str(login(machine).check_output("cat /var/lib/matriarch/backup/state.json"))


def test_on_demand(connect: Connect, cluster: Cluster, database: str, engine: Engine) -> None:
    kind = engine.kinds[-1]
    before = {each["label"] for each in told(cluster)["backups"]}
    plan = play(cluster, "backup", check=True, type=kind)
    assert plan.ok, plan.tail
    assert f"would make a {kind} backup" in plan.said
    assert {each["label"] for each in told(cluster)["backups"]} == before

    done = play(cluster, "backup", type=kind)
    assert done.ok, done.tail
    new = [each for each in told(cluster)["backups"] if each["label"] not in before]
    assert [(each["kind"], each["restorable"]) for each in new] == [(kind, True)]
    assert new[0]["label"] in done.said


def test_a_full_segment_is_archived_at_once(cluster: Cluster, login: Login, database: str) -> None:
    full = fill(login, leading(cluster), FILL)
    begun = time.monotonic()
    eventually("it is in the repository", ARCHIVED_SECONDS, lambda: is_archived(cluster, full))
    assert time.monotonic() - begun < AT_ONCE_SECONDS
    assert told(cluster)["rpo_seconds"] < AT_ONCE_SECONDS


def test_a_dead_repository_stops_no_handover_and_no_wal_is_lost(
    connect: Connect, cluster: Cluster, login: Login, database: str, dead_repository: Callable[[], int]
) -> None:
    """Fault H01 and H02: the leader hands over with WAL that it could not archive; whoever has it archives it later."""
    lost = leading(cluster)
    for _segment in range(4):
        fill(login, lost, FILL)
    with Load(connect, cluster, database) as load:
        done = play(cluster, "switchover")
    assert done.ok, done.tail
    assert leading(cluster) != lost
    assert done.report["result"]["phases"]["total_pause"] < HELD_MS
    assert load.errors == []
    waiting = login(lost).check_output("ls /var/lib/postgresql/17/main/pg_wal/archive_status").split()
    assert [name for name in waiting if name.endswith(".ready")] != [], "it was not archived in time for this test"

    assert dead_repository() > 0, "the repository was never asked"
    last = fill(login, leading(cluster), FILL)
    eventually("all WAL is there", ARCHIVED_SECONDS, lambda: is_archived(cluster, last))


def is_archived(cluster: Cluster, name: str) -> bool:
    """Whether this segment is in the repository, and nothing that the newest backup needs is missing."""
    answer = told(cluster)
    there = (w for w in answer.get("wal", ()) if w["first"][:8] == name[:8] and w["first"] <= name <= w["last"])
    return any(there) and gaps(answer) == []


def test_a_lost_leader_leaves_no_gap(
    connect: Connect, cluster: Cluster, login: Login, database: str, lab: Lab, dead_repository: Callable[[], int]
) -> None:
    """Its last segments never came to the repository, and it is gone: the new leader has them, and archives them."""
    lost = leading(cluster)
    for _segment in range(2):
        fill(login, lost, FILL)
    eventually("its standbys have them as well", WHOLE_SECONDS, lambda: is_streamed(cluster, login, lost))
    lab.power_cut(lost.name)
    try:
        assert dead_repository() > 0, "the repository was never asked"
        # Patroni names the new leader a moment before that takes writes.
        eventually("another member takes writes", WHOLE_SECONDS, lambda: takes_writes(cluster, login, lost))
        last = fill(login, leading(cluster), FILL)
        eventually("all WAL is there", ARCHIVED_SECONDS, lambda: is_archived(cluster, last))
    finally:
        lab.start(lost.name)
    eventually("the cluster is whole", WHOLE_SECONDS, lambda: is_whole(cluster))


def is_streamed(cluster: Cluster, login: Login, leader: Machine) -> bool:
    """Whether every other member has on disk all that the leader wrote."""
    asked = "SELECT count(*) FROM pg_stat_replication WHERE flush_lsn >= pg_current_wal_flush_lsn()"
    having = login(leader).check_output(f'runuser -u postgres -- psql -qXAtc "{asked}"')
    return int(having) == len(cluster.postgres) - 1


def takes_writes(cluster: Cluster, login: Login, former: Machine) -> bool:
    now = leading(cluster)
    asked = "runuser -u postgres -- psql -qXAtc 'SELECT pg_is_in_recovery()'"
    return now != former and login(now).run(asked).stdout.strip() == "f"


def test_a_backup_whose_host_dies_leaves_nothing_behind(
    connect: Connect, cluster: Cluster, login: Login, database: str, lab: Lab, engine: Engine
) -> None:
    """Fault H05: the lock ends with its lease, and another member makes the next one."""
    plan = play(cluster, "backup", check=True, type="full")
    maker = next(m for m in cluster.postgres if f"{m.name} would make" in plan.said)
    login(maker).run_expect([0], "systemd-run --unit=doomed --uid=postgres /usr/local/libexec/matriarch-backup take")
    eventually("the backup runs", 60, lambda: login(maker).run("pgrep -f %s", engine.working).rc == 0)
    lab.power_cut(maker.name)
    before = {each["label"] for each in told(cluster)["backups"]}
    try:
        eventually("the lock is free", 120, lambda: play(cluster, "backup", type="full").ok)
    finally:
        lab.start(maker.name)
    eventually("the cluster is whole", WHOLE_SECONDS, lambda: is_whole(cluster))
    new = [each for each in told(cluster)["backups"] if each["label"] not in before]
    assert [each["kind"] for each in new] == ["full"]


def test_a_dump_has_every_row(cluster: Cluster, login: Login, database: str) -> None:
    fill(login, leading(cluster), FILL)
    done = play(cluster, "dump", database=database)
    assert done.ok, done.tail
    told_of = next(line for line in done.said.splitlines() if f"{database} is dumped to" in line)
    host = next(m for m in cluster.postgres if told_of.endswith(f" {m.name}"))
    path = next(word for word in told_of.split() if word.startswith("/"))
    text = login(host).check_output(f"pg_restore --data-only --table=bulk --file=- {path}")
    counted = "runuser -u postgres -- psql -qXAtc 'SELECT count(*) FROM bulk' backup_verification"
    rows = sum(len(line) == ROW_LENGTH for line in text.splitlines())
    assert rows == int(login(leading(cluster)).check_output(counted)) > 0


def test_another_passphrase_is_refused_before_anything_changes(cluster: Cluster, login: Login, engine: Engine) -> None:
    """Fault H07."""
    if not engine.encrypts:
        pytest.skip("it has no passphrase: the storage encrypts")
    before = login(cluster.postgres[0]).check_output("sha256sum %s", engine.configuration)
    done = play(cluster, "site", backup_passphrase="this is not the one")
    assert not done.ok
    assert "is another one" in done.stdout
    assert login(cluster.postgres[0]).check_output("sha256sum %s", engine.configuration) == before


def test_another_engine_is_refused_before_anything_changes(cluster: Cluster, login: Login, engine: Engine) -> None:
    other = next(name for name in ENGINES if name != engine.name)
    files = "sha256sum /etc/matriarch/backup/settings.json /usr/local/libexec/matriarch-archive"
    before = login(cluster.postgres[0]).check_output(files)
    done = play(cluster, "site", backup_engine=other)
    assert not done.ok
    assert f"-e backup_change_engine={other}" in done.said, done.tail
    assert login(cluster.postgres[0]).check_output(files) == before


def test_a_corrupted_object_is_found(cluster: Cluster, storage: Storage, engine: Engine) -> None:
    sound = play(cluster, "backup_verify")
    assert sound.ok, sound.tail
    path = storage.any_segment(engine.archive_of(cluster.name))
    content = storage.read(path)
    aside = storage.put_aside(path)
    storage.write(path, content[:-100] + bytes(100))
    try:
        found = play(cluster, "backup_verify")
    finally:
        storage.bring_back(aside)
    assert not found.ok
    assert "s3://backups/main" in found.said
    assert play(cluster, "backup_verify").ok


def test_the_status_tells_of_the_backups(connect: Connect, cluster: Cluster) -> None:
    done = play(cluster, "status", format="json")
    assert done.ok, done.tail
    assert "s3://backups/main" in done.stdout
