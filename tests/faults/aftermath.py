"""How things stand when all is over, read inside each host rather than through what was just broken."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model import lsn
from integration.operations import standing

from faults.arena import DATA, Arena, until
from faults.clients import INDEX, TABLE
from faults.history import Aftermath, Fork, Row

REPLAY_SECONDS = 60
ROWS = "SELECT worker, seq, id FROM audited WHERE run = '{run}'"
# A sum needs no order: to sort the million rows that many trials leave took each member seconds.
DIGEST = "SELECT count(*), sum(hash_record_extended(row, 0)) FROM audited AS row"
CHECK = f"SELECT bt_index_check('{INDEX}', true)"


def prepare(arena: Arena, leader: str) -> None:
    """Once for a database: the table, and what looks after its index."""
    with arena.connect(arena.cluster.rw[0], dbname=arena.database) as session:
        session.execute(TABLE)
    arena.sql(leader, "CREATE EXTENSION amcheck", arena.database)


def gather(arena: Arena, run: uuid.UUID) -> Aftermath:
    """Once the members have replayed all that the leader has written."""
    leads, timeline = standing(arena.connect, arena.cluster)
    end = arena.sql(leads.name, "SELECT pg_current_wal_lsn()")
    for name in arena.others(leads.name):
        until(f"{name} has replayed {end}", REPLAY_SECONDS, replayed(arena, name, end))
    forks = {name: forks_of(arena, name, timeline) for name in arena.names}
    return Aftermath(
        leader=leads.name,
        timeline=timeline,
        rows=rows(arena, leads.name, run),
        forks=forks[leads.name],
        member_forks=forks,
        digests={name: arena.sql(name, DIGEST, arena.database) for name in arena.names},
        corruption={name: corruption(arena, name) for name in arena.names},
    )


def replayed(arena: Arena, name: str, end: str) -> Callable[[], bool]:
    return lambda: arena.sql(name, f"SELECT pg_last_wal_replay_lsn() >= '{end}'") == "t"


def rows(arena: Arena, leader: str, run: uuid.UUID) -> list[Row]:
    listed = arena.sql(leader, ROWS.format(run=run), arena.database).splitlines()
    return [Row(worker, int(seq), uuid.UUID(row)) for worker, seq, row in (line.split("|") for line in listed)]


def corruption(arena: Arena, name: str) -> str:
    """What amcheck says; nothing, if the index and the table agree."""
    try:
        arena.sql(name, CHECK, arena.database)
    except RuntimeError as found:
        return str(found)
    return ""


def forks_of(arena: Arena, name: str, timeline: int) -> tuple[Fork, ...]:
    """The past of a timeline, from the file that a member keeps of it; none where it keeps none."""
    return parse(arena.shell(name, f"cat {DATA}/pg_wal/{timeline:08X}.history 2>/dev/null || :"))


def parse(history: str) -> tuple[Fork, ...]:
    """A line a timeline: its number, where it ended, and why, between tabs."""
    lines = [line.split("\t") for line in history.splitlines() if line.strip()]
    return tuple(Fork(int(words[0]), lsn.parse(words[1])) for words in lines)
