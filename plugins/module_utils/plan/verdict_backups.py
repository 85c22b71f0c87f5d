# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with the backups, as the members' hosts tell it. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup import moment
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.proof import Proof
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.status import CLUSTER, Finding, Status
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.remedies import (
    BACKUP,
    BACKUP_INFO,
    DRILL,
    SITE,
    VERIFY,
    journal,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.words import size

TIMER = "matriarch-backup@scheduled"
MENDER = "matriarch-backup@mend"
DRILLER = "matriarch-drill@*"
SEGMENT_BYTES = 16 * 1024 * 1024
LATE = 0.25
"""Of the interval; a backup takes its time, and one that failed is tried again."""

SOONEST_HOURS = 1.0


def old_backups(status: Status) -> Iterator[Finding]:
    """Of what all members know, the newest counts: one that was away may be behind."""
    told = [each for _host, each in status.backups() if not status.is_standby]
    for repository in dict.fromkeys(label for each in told for label in each.ages):
        ages = [age for each in told if (age := each.ages.get(repository)) is not None]
        interval = max((each.interval_hours for each in told), default=24)
        most = interval + max(LATE * interval, SOONEST_HOURS)
        if not ages:
            yield Finding(CLUSTER, f"there is no backup in {repository} yet", BACKUP)
        elif min(ages) > most * 3600:
            problem = f"the newest backup in {repository} is {min(ages) / 3600:.0f} h old, more than {most:g}"
            yield Finding(CLUSTER, problem, BACKUP)


def failed_backups(status: Status) -> Iterator[Finding]:
    """Who failed may not know yet that another one has made a backup since."""
    begun = max((told.begun for _host, told in status.backups()), default="")
    for host, told in status.backups():
        if told.failure and told.failed_at > begun:
            yield Finding(host, f"its last backup failed: {told.failure}", journal(TIMER, [host]))


def unreadable_repositories(status: Status) -> Iterator[Finding]:
    for host, told in status.backups():
        for repository, problem in told.problems.items():
            yield Finding(host, f"it cannot read {repository}: {problem}", BACKUP_INFO)


def missing_wal(status: Status) -> Iterator[Finding]:
    """Known to every member that has looked; told once."""
    for name in sorted({told.missing for _host, told in status.backups() if told.missing}):
        yield Finding(CLUSTER, f"WAL is missing in the archive: {name}; no later moment can be restored", BACKUP)


def unmended_wal(status: Status) -> Iterator[Finding]:
    for host, told in status.backups():
        if told.unmended:
            problem = f"WAL of a former leader is not archived yet: {told.unmended}"
            yield Finding(host, problem, journal(MENDER, [host]))


def archivers_that_are_behind(status: Status) -> Iterator[Finding]:
    limit = status.limits.waiting_segments
    for host, instance in status.instances():
        if instance.waiting_segments > limit:
            waiting = f"{instance.waiting_segments} segments of WAL ({size(instance.waiting_segments * SEGMENT_BYTES)})"
            yield Finding(host, f"{waiting} wait to be archived, more than {limit}", journal("patroni", [host]))


def bad_backups(status: Status) -> Iterator[Finding]:
    """What the last drill, and the last verification, found wrong; a good one after it makes up for both."""
    proof = known(status)
    good = proof.newest_good
    for trial in (proof.drill, proof.verification):
        if trial and not trial.good and (good is None or good.at < trial.at):
            what = "restore drill" if trial.kind == "drill" else "verification"
            yield Finding(trial.member, f"the last {what}, of {trial.at}, is bad: {'; '.join(trial.problems)}", BACKUP)


def old_drills(status: Status) -> Iterator[Finding]:
    """Where they are declared; the first one is waited for as well."""
    hours = max((told.drill_hours for _host, told in status.backups()), default=0)
    if not hours:
        return
    good = known(status).good_drill
    now = max(told.asked_at for _host, told in status.backups() if told.asked_at)
    most = hours + max(LATE * hours, SOONEST_HOURS)
    if good is None:
        yield Finding(CLUSTER, "no restore drill was good yet", DRILL)
    elif (age := (now - moment(good.at)).total_seconds() / 3600) > most:
        yield Finding(CLUSTER, f"the last good restore drill is {age:.0f} h old, more than {most:g}", DRILL)


def failed_drills(status: Status) -> Iterator[Finding]:
    for host, told in status.backups():
        if told.drill_failure:
            problem = f"its last restore drill came to no verdict: {told.drill_failure}"
            yield Finding(host, problem, f"{DRILL}; {journal(DRILLER, [host])}")


def unproven_backups(status: Status) -> Iterator[Finding]:
    """A note, where no drills are declared: some look at their backups in other ways."""
    told = [each for _host, each in status.backups()]
    if told and not any(each.drill_hours for each in told) and known(status).newest_good is None:
        yield Finding(CLUSTER, "nobody has ever seen that its backups can be restored", f"{DRILL}, or {VERIFY}")


def known(status: Status) -> Proof:
    """What all members know of drills and verifications together."""
    proof = Proof()
    for _host, told in status.backups():
        proof = proof.merged(told.proof)
    return proof


def no_backups(status: Status) -> Iterator[Finding]:
    """A note: whoever declares none may have others. A standby cluster has them when it is promoted."""
    if (
        not status.is_standby
        and any(True for _each in status.instances())
        and not any(True for _each in status.backups())
    ):
        yield Finding(CLUSTER, "it has no backups", f"declare backup_repositories, then {SITE}")


RULES = (
    missing_wal,
    old_backups,
    failed_backups,
    unreadable_repositories,
    unmended_wal,
    archivers_that_are_behind,
    bad_backups,
    old_drills,
    failed_drills,
)
NOTES = (no_backups, unproven_backups)
