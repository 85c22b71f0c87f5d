"""One fault from its beginning to its verdict: clients at work, the fault, its end, and what is left of it all."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from client_load import Load
from integration.operations import WHOLE_SECONDS, standing

from faults import aftermath
from faults.arena import Arena, NotSo, until
from faults.budget import STABLE_SECONDS, Course
from faults.clients import Client, Writer
from faults.fault import Fault
from faults.judgement import Problem, judge
from faults.load import POOLED, clients, noted
from faults.monitor import Monitor
from faults.undo import insist, once
from faults.verdict import Verdict
from faults.wholeness import CALM_SECONDS, stays_whole, visit_poolers

ACTING_SECONDS = 30.0  # a leader that nobody answers may lead until its lease is over
MakeFault = Callable[[Arena, str], Fault]


def run(arena: Arena, make: MakeFault, options: str = "") -> Verdict:
    """The verdict on one fault; raises NotSo when it could not be seen to act, which proves nothing."""
    if stays_whole(arena, time.monotonic() + WHOLE_SECONDS) is None:
        raise NotSo(f"the cluster was not whole within {WHOLE_SECONDS} s, before any fault")
    visit_poolers(arena)
    fault = make(arena, standing(arena.connect, arena.cluster)[0].name)
    with Monitor(arena.lab, arena.cluster) as monitor, clients(arena.cluster, arena.database, options) as load:
        course = bring_about(fault, load)
        if not settle(arena, load):
            course = replace(course, stable=None)
    history = replace(noted(load), samples=monitor.samples)
    course = replace(course, ended=time.monotonic())
    left = aftermath.gather(arena, load.clients[0].run_id)
    budget = fault.budget()
    problems = judge(history, left, course, budget)
    problems += [Problem("fault", text) for text in fault.complaints()]
    return Verdict(fault, problems, history, course, budget, left.timeline)


def bring_about(fault: Fault, load: Load[Client]) -> Course:
    """The fault, from the moment at which everybody is served to that at which all is well without it.

    What `restore` does comes after that: whatever became of the cluster is not its doing.
    """
    try:
        fault.prepare()
        load.wait_for_everybody()
        time.sleep(CALM_SECONDS)
        leads, timeline = standing(fault.arena.connect, fault.arena.cluster)
        injected = time.monotonic()
        try:
            fault.inject()
            until(f"{type(fault).__name__} acts", ACTING_SECONDS, fault.acts)
            acting = time.monotonic()
            last(fault, load, injected)
            healing = time.monotonic()
        finally:
            once(fault.heal)
        healed = time.monotonic()
        stable = stays_whole(fault.arena, healed + STABLE_SECONDS)
        after = None
        if stable is not None:
            machine, then = standing(fault.arena.connect, fault.arena.cluster)
            after = (machine.name, then)
    finally:
        insist(fault.restore)
    return Course(injected, acting, healing, healed, stable, time.monotonic(), (leads.name, timeline), after)


def last(fault: Fault, load: Load[Client], injected: float) -> None:
    """For as long as the fault is to last, and it has to."""
    end = injected + fault.seconds
    while time.monotonic() < end:
        if fault.until_moved and moved(fault, load):
            return
        time.sleep(0.1)
    if not fault.holds():
        raise NotSo(f"{type(fault).__name__} did not act until its end")


def moved(fault: Fault, load: Load[Client]) -> bool:
    """Whether every client of the pooled endpoint has been acknowledged its last row by another member."""
    pooled = [client for client in load.clients if isinstance(client, Writer) and client.service == POOLED]
    places = [client.writes[-1].place for client in pooled]
    return all(place is not None and place.member != fault.leader for place in places)


def settle(arena: Arena, load: Load[Client]) -> bool:
    """Whether the cluster was whole in time and stayed so while the clients worked, and every one was served then."""
    deadline = time.monotonic() + STABLE_SECONDS
    if stays_whole(arena, deadline) is None:
        return False
    try:
        load.wait_for_everybody(max(1.0, deadline - time.monotonic()))
    except TimeoutError:
        return False
    return True
