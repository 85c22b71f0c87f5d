# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a cluster goes back to a moment of its past, or why it must not. Pure.

The backup is brought to the target beside the cluster, which goes on serving meanwhile: a target that cannot be
reached, a wrong key or a hole in the log costs no client anything. Only what has been seen to be right takes the place
of what was there. What is done already is not planned again, so an interrupted restore goes on with its rest; and as
long as one member still has the former data in its place, no member opens with the restored data: there are never two
lineages.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import takewhile
from typing import Any

PREPARED = ("", "copied", "recovered", "promoted")
"""How far the restored data has come while it lies beside: each stage contains those before it."""

TURNS = (
    ("copy", "recover"),
    ("promote", "stop", "set_aside", "adopt", "forget", "open"),
    ("follow", "backup", "finish"),
)
"""Steps that follow each other without another look at all hosts, for each proves its own outcome.

Copying and replaying can take hours. The look after them tells which timelines are in use by then, and who leads.
"""

SPARE = 512 * 2**20
"""Bytes that shall be left on a file system when everything lies there: log of the time until the cluster is whole."""


@dataclass(frozen=True)
class Place:
    """One data host.

    `data` is what lies in its data directory: none, unfinished (files without a control file), former or restored.
    `prepared` is one of PREPARED. `is_aside`: former data lies aside already. `runs`: Patroni or PostgreSQL runs.
    `starts`: a boot would start Patroni. `free` is bytes.
    """

    name: str
    answers: bool = True
    runs: bool = True
    starts: bool = True
    data: str = "former"
    prepared: str = ""
    is_aside: bool = False
    leads: bool = False
    free: int = 2**60
    is_mount: bool = False
    has_tablespaces: bool = False

    @property
    def is_up(self) -> bool:
        """True for a member that runs what it shall run, and would after a boot."""
        return self.runs and self.starts


@dataclass(frozen=True)
class Restoring:
    """What is going on: who does it, and what of it etcd knows already.

    `size`: bytes of the backup when it is restored. `forgotten`: the former cluster's keys are gone from etcd.
    `backed_up`: the restored cluster has its first full backup. `whole`: all members follow the one that leads.
    """

    places: tuple[Place, ...]
    worker: str
    size: int = 0
    forgotten: bool = False
    whole: bool = False
    backed_up: bool = False
    paused: bool = False

    @property
    def at_work(self) -> Place:
        """The host on which the backup is restored."""
        return next(place for place in self.places if place.name == self.worker)

    @property
    def others(self) -> tuple[Place, ...]:
        """All other data hosts."""
        return tuple(place for place in self.places if place.name != self.worker)

    @property
    def adopted(self) -> bool:
        """True when the restored data has taken its place on the first host."""
        return self.at_work.data == "restored"

    @property
    def may_be_cloned(self) -> bool:
        """True once members without data get it from the one that was restored, and from nobody else."""
        return self.adopted and self.forgotten

    def has_former(self, place: Place) -> bool:
        """Whether what lies there is to be set aside.

        A clone gets the mark by which it is known with the rest, and one that the repository gave may never get it.
        """
        is_clone = self.may_be_cloned and (place.data == "unfinished" or place.is_aside)
        return place.data in ("unfinished", "former") and not is_clone


@dataclass(frozen=True)
class RestoreStep:
    """One step; `action` is one of these, and `on` says at which hosts.

    copy: the engine brings the backup into a directory beside the data. recover: a private PostgreSQL replays the log
    to the target, and what it says of that is checked. promote: it begins a new timeline, and is stopped cleanly.
    stop: Patroni stops, PostgreSQL with it, and a boot does not start it. set_aside: the former data is renamed. adopt:
    the restored data takes its place. forget: etcd forgets who led, and how far. open: the first member leads. follow:
    the others are cloned from it. backup: a full backup. finish: the note goes.
    """

    action: str
    on: tuple[str, ...]
    reason: str

    def facts(self) -> dict[str, Any]:
        """The step as a filter returns it."""
        return {**asdict(self), "on": list(self.on)}


@dataclass(frozen=True)
class RestorePlan:
    """The steps in their order, or none and the reasons."""

    steps: tuple[RestoreStep, ...] = ()
    refused: tuple[str, ...] = ()

    @property
    def next(self) -> tuple[RestoreStep, ...]:
        """What is done before all hosts are asked again."""
        turn = next((each for each in TURNS if self.steps and self.steps[0].action in each), ())
        return tuple(takewhile(lambda step: step.action in turn, self.steps))


def plan_restore(found: Restoring) -> RestorePlan:
    """The steps that are left."""
    if refused := tuple(_objections(found)):
        return RestorePlan(refused=refused)
    return RestorePlan(tuple(_steps(found)))


def choose_worker(places: tuple[Place, ...], wished: str = "") -> str:
    """On which host the backup is restored: a replica, so that the leader is not slowed down, with the most space."""
    if wished:
        return wished
    best = max(
        places,
        key=lambda place: (place.answers, PREPARED.index(place.prepared), not place.leads, place.free, place.name),
    )
    return best.name


def _steps(found: Restoring) -> Iterator[RestoreStep]:
    if not found.adopted:
        yield from _beside(found)
    yield from _change_over(found)
    yield from _together(found)


def _beside(found: Restoring) -> Iterator[RestoreStep]:
    here = (found.worker,)
    stage = PREPARED.index(found.at_work.prepared)
    if stage < 1:
        yield RestoreStep("copy", here, "the backup is brought there, beside the data that serves")
    if stage < 2:
        yield RestoreStep("recover", here, "a private PostgreSQL replays the log to the target, and that is checked")
    if stage < 3:
        yield RestoreStep("promote", here, "it begins a timeline of its own and is stopped cleanly")


def _change_over(found: Restoring) -> Iterator[RestoreStep]:
    """From here until the first member opens, nobody is served."""
    former = [place for place in found.places if place.data != "restored"]
    if stopping := _by_leadership([place for place in former if place.runs or place.starts], found):
        yield RestoreStep("stop", stopping, "standbys first, so that none of them takes over")
    if aside := tuple(place.name for place in found.places if found.has_former(place)):
        yield RestoreStep("set_aside", aside, "the former data stays beside, and is deleted by nobody unasked")
    if not found.adopted:
        yield RestoreStep("adopt", (found.worker,), "the restored data takes its place")
    if not found.may_be_cloned:
        yield RestoreStep(
            "forget", (found.worker,), "etcd holds the position of the former leader, which nobody reaches now"
        )
    if not (found.may_be_cloned and found.at_work.is_up):
        yield RestoreStep("open", (found.worker,), "Patroni makes it the leader, on one more timeline")


def _by_leadership(places: list[Place], found: Restoring) -> tuple[str, ...]:
    """Standbys first. Those that wait for data of the restored leader are left alone."""
    waiting = {place.name for place in found.others if found.may_be_cloned and not found.has_former(place)}
    return tuple(p.name for p in sorted(places, key=lambda p: (p.leads, p.name)) if p.name not in waiting)


def _together(found: Restoring) -> Iterator[RestoreStep]:
    others = tuple(place.name for place in found.others)
    if others and not (found.whole and all(place.is_up and place.data == "restored" for place in found.places)):
        yield RestoreStep("follow", others, "they are cloned from it, and commits can wait for them again")
    if not found.backed_up:
        everybody = tuple(place.name for place in found.places)
        yield RestoreStep("backup", everybody, "a full backup of the new timeline, by the member whose turn it is")
    yield RestoreStep("finish", (found.worker,), "nothing is left to be gone on with")


def _objections(found: Restoring) -> Iterator[str]:
    if found.worker not in [place.name for place in found.places]:
        yield f"{found.worker} has no PostgreSQL. Next: name one of {', '.join(place.name for place in found.places)}"
        return
    if silent := [place.name for place in found.places if not place.answers]:
        yield (
            f"{', '.join(silent)} cannot be reached, and could come back with the former data. Next: bring it back, or "
            "playbooks/remove_member.yml, and take it out of the inventory"
        )
    if found.paused:
        yield "Patroni is paused, and would leave PostgreSQL running. Next: playbooks/maintenance.yml -e state=resumed"
    if not found.adopted:
        yield from _objections_of_disks(found)


def _objections_of_disks(found: Restoring) -> Iterator[str]:
    for place in found.places:
        if place.is_mount:
            yield f"the data directory of {place.name} is a mount point, and cannot be renamed"
        if place.has_tablespaces:
            yield f"{place.name} has tablespaces, which this cannot restore yet. Next: restore by the engine itself"
        is_there = place.name == found.worker and place.prepared
        if not is_there and place.free < found.size + SPARE:
            yield (
                f"{place.name} has {place.free >> 20} MiB free, and the restored data needs {found.size >> 20} MiB "
                f"beside the former. Next: make room for {(found.size + SPARE - place.free) >> 20} MiB more"
            )
