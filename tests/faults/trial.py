"""One fault from its beginning to its verdict: clients at work, the fault, its end, and what is left of it all."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import replace

import psycopg
from client_load import Load
from integration.inventory import Endpoint
from integration.operations import WHOLE_SECONDS, is_whole, standing

from faults import aftermath
from faults.arena import Arena, NotSo, until
from faults.budget import STABLE_SECONDS, Course
from faults.clients import Client, Writer
from faults.fault import Fault
from faults.judgement import judge
from faults.load import POOLED, RO, clients, noted
from faults.monitor import Monitor
from faults.verdict import Verdict

ACTING_SECONDS = 30.0  # a leader that nobody answers may lead until its lease is over
CALM_SECONDS = 3.0
MakeFault = Callable[[Arena, str], Fault]


def run(arena: Arena, make: MakeFault, options: str = "") -> Verdict:
    """The verdict on one fault; raises NotSo when it could not be seen to act, which proves nothing."""
    if stays_whole(arena, time.monotonic() + WHOLE_SECONDS) is None:
        raise NotSo(f"the cluster was not whole within {WHOLE_SECONDS} s, before any fault")
    visit_poolers(arena)
    fault = make(arena, standing(arena.connect, arena.cluster)[0].name)
    with Monitor(arena.lab, arena.cluster) as monitor, clients(arena.cluster, arena.database, options) as load:
        course = bring_about(fault, load)
        stable = settle(arena, load, course.healed)
        time.sleep(CALM_SECONDS)
    history = replace(noted(load), samples=monitor.samples)
    course = replace(course, stable=stable, ended=time.monotonic())
    left = aftermath.gather(arena, load.clients[0].run_id)
    problems = judge(history, left, course, fault.budget())
    return Verdict(fault, problems, history, course, left.timeline)


def visit_poolers(arena: Arena) -> None:
    """What an earlier outage left in a pool shall not count as the doing of this fault.

    PgBouncer turns the next client away where the last login at its server failed, however long ago that was.
    """
    for pooler in (*arena.cluster.rw, *arena.cluster.ro):
        if pooler.name in (POOLED, RO):
            insist(functools.partial(visit, arena, pooler))


def visit(arena: Arena, pooler: Endpoint) -> None:
    with arena.connect(pooler, dbname=arena.database) as session:
        session.execute("SELECT")


def bring_about(fault: Fault, load: Load[Client]) -> Course:
    """The fault, from the moment at which everybody is served to that at which it has been undone."""
    try:
        fault.prepare()
        load.wait_for_everybody()
        time.sleep(CALM_SECONDS)
        leads, timeline = standing(fault.arena.connect, fault.arena.cluster)
        injected = time.monotonic()
        try:
            fault.inject()
            until(f"{type(fault).__name__} acts", ACTING_SECONDS, fault.acts)
            last(fault, load, injected)
        finally:
            fault.heal()
    finally:
        insist(fault.restore)
    return Course(injected, time.monotonic(), None, time.monotonic(), leads.name, timeline)


def last(fault: Fault, load: Load[Client], injected: float) -> None:
    """For as long as the fault is to last."""
    end = injected + fault.seconds
    while time.monotonic() < end and not (fault.until_moved and moved(fault, load)):
        time.sleep(0.1)


def moved(fault: Fault, load: Load[Client]) -> bool:
    """Whether every client of the pooled endpoint has been acknowledged its last row by another member."""
    pooled = [client for client in load.clients if isinstance(client, Writer) and client.service == POOLED]
    places = [client.writes[-1].place for client in pooled]
    return all(place is not None and place.member != fault.leader for place in places)


def insist(undo: Callable[[], None]) -> None:
    """Again and again, for some time: who has to take part may not be back yet."""
    deadline = time.monotonic() + WHOLE_SECONDS
    while True:
        try:
            return undo()
        except (RuntimeError, NotSo, psycopg.Error, ValueError):
            if time.monotonic() > deadline:
                raise
            time.sleep(1)


def settle(arena: Arena, load: Load[Client], healed: float) -> float | None:
    """The moment from which on the cluster was whole and stayed so, and every client was served.

    None when that takes too long.
    """
    deadline = healed + STABLE_SECONDS
    since = stays_whole(arena, deadline)
    try:
        load.wait_for_everybody(max(1.0, deadline - time.monotonic()))
    except TimeoutError:
        return None
    return since


def stays_whole(arena: Arena, deadline: float) -> float | None:
    """The moment from which on it was whole for some seconds; None if there was none until the deadline."""
    since = None
    while since is None or time.monotonic() < since + CALM_SECONDS:
        since = (since or time.monotonic()) if whole(arena) else None
        if time.monotonic() > deadline:
            return None
        time.sleep(0.1)
    return since


def whole(arena: Arena) -> bool:
    """As Patroni tells it, and as every member's PostgreSQL does."""
    try:
        return is_whole(arena.cluster) and bool(standing(arena.connect, arena.cluster))
    except (psycopg.Error, ValueError):  # somebody does not answer, or nobody leads
        return False
