# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup from its lock to its proof: what the timer does, and what is done on demand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup import command
from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup.lock import BackupLock, Busy
from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup.plain_http import patronis, servers
from ansible_collections.matriarch.pgcluster.plugins.module_utils.backup.state import State
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.etcd_keys import EtcdKeys
from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.registry import engine
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import (
    MatriarchError,
    NobodyAnswered,
    Refused,
    RemoteError,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup import Backup, Catalog, moment, shown
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_settings import Settings
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.cluster import ClusterState
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.backup import Due, due, is_turn, line, slot
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.backup_policy import (
    expired,
    kept_days,
    restorable,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.backup_wal import missing_since

LOOK_AGAIN = timedelta(hours=1)
"""So often the repositories are looked at although no backup is due."""

SETTLING = timedelta(minutes=15)
"""So long they are looked at each minute after a change of the repositories or the engine.

Repositories that were in use before hold backups that look young enough. That log is missing after these shows with the
first segment that comes there again, within `archive_timeout`.
"""

RETRY = timedelta(minutes=5)
"""So long a member waits after its own failure."""

NO_LEADER = "the cluster has no leader now: a backup needs one"


@dataclass(frozen=True)
class Done:
    """What came of a run: the backup that was made, or why none was."""

    backup: Backup | None
    reason: str = ""


def scheduled(settings: Settings, now: datetime | None = None) -> list[Done]:
    """Make what is due, if it is this member's turn. Raises MatriarchError."""
    now, state = now or datetime.now(UTC), State.read()
    number = len(settings.repositories)
    if _is_quiet(settings, state, now):
        return []
    catalog = look(settings, state, now)
    wanted = due(catalog, number, settings.schedule, engine(settings.engine).kinds, now)
    since = (state.due_since or shown(now)) if wanted else ""
    _note(due_since=since)
    if not wanted:
        return []
    # While nobody leads, what is due stays due: the next minute asks again.
    try:
        cluster = ask_patroni(settings)
    except NobodyAnswered as silence:
        return [Done(None, str(silence))]
    if cluster.leader is None:
        return [Done(None, NO_LEADER)]
    if not is_turn(settings.member, line(cluster, settings.source), moment(since), now):
        return []
    return _each(settings, wanted)


def _is_quiet(settings: Settings, state: State, now: datetime) -> bool:
    """Whether there is nothing to be done that a look at the repositories could show."""
    if state.failure and state.attempted_at > shown(now - RETRY):
        return True
    is_settled = state.place == settings.place and state.moved_at <= shown(now - SETTLING)
    if not is_settled or state.problems or state.missing:
        return False
    is_fresh = state.checked_at > shown(now - LOOK_AGAIN)
    return is_fresh and state.begun_since(slot(now, settings.schedule), len(settings.repositories))


def _each(settings: Settings, wanted: tuple[Due, ...]) -> list[Done]:
    """Make all of it: a repository that fails keeps no other one from its backup. Raises MatriarchError at the end."""
    done, problems = [], []
    for each in wanted:
        try:
            done.append(_one(settings, each))
        except MatriarchError as error:
            problems.append(f"{settings.repositories[each.repository - 1].label}: {error}")
    if problems:
        # A backup that came afterwards has noted that all is well.
        _note(attempted_at=shown(datetime.now(UTC)), failure="; ".join(problems))
        raise MatriarchError("; ".join(problems))
    return done


def _one(settings: Settings, wanted: Due) -> Done:
    """Make one backup, unless another member has made it meanwhile."""

    def still_due(catalog: Catalog) -> bool:
        kinds = engine(settings.engine).kinds
        now = datetime.now(UTC)
        found = due(catalog, len(settings.repositories), settings.schedule, kinds, now)
        return any(each.repository == wanted.repository for each in found)

    try:
        return take(settings, wanted.kind, wanted.repository, only_if=still_due)
    except Busy as busy:
        return Done(None, str(busy))


def take(
    settings: Settings, kind: str, repository: int, only_if: Callable[[Catalog], bool] = lambda _catalog: True
) -> Done:
    """Make a backup now, from this member. Raises MatriarchError, of which Busy says that another one runs."""
    chosen = engine(settings.engine)
    if kind not in chosen.kinds:
        raise Refused(f"{chosen.name} makes no {kind} backups; it makes: {', '.join(chosen.kinds)}")
    with BackupLock(_etcd(settings), settings.cluster, {"member": settings.member, "kind": kind}) as lock:
        before = look(settings, State.read(), datetime.now(UTC))
        if not only_if(before):
            return Done(None, "it has been made meanwhile")
        leader = ask_patroni(settings).leader
        if leader is None:
            raise Refused(NO_LEADER)
        begun = datetime.now(UTC)
        try:
            command.work(chosen.take(settings, kind, leader.name, repository), lock.lost)
            made = _new(before, look(settings, State.read(), datetime.now(UTC)), repository)
            expire(settings, repository, lock)
        except MatriarchError as error:
            # When it failed, not when it began: also an expiry that is refused after a good backup is to be seen.
            _note(attempted_at=shown(datetime.now(UTC)), failure=str(error))
            raise
        _note(attempted_at=shown(begun), failure="")
        return Done(made)


def expire(settings: Settings, repository: int, lock: BackupLock) -> None:
    """Remove what the policy no longer keeps. Raises Refused where nothing would be left that can be restored."""
    chosen, now = engine(settings.engine), datetime.now(UTC)
    held = chosen.catalog(settings, command.call).in_repository(repository)
    gone = expired(held, settings.keep_days, now)
    if not gone:
        return
    if not set(restorable(held)).difference(gone):
        names = ", ".join(backup.label for backup in gone)
        raise Refused(f"{names} would go by age, but nothing else in the repository can be restored: all of it stays")
    kept = replace(settings, keep_days=kept_days(held, settings.keep_days, now))
    command.work(chosen.expire(kept, repository, gone), lock.lost)
    look(settings, State.read(), now)


def look(settings: Settings, state: State, now: datetime) -> Catalog:
    """What the repositories hold, noted for the status as well. Raises MatriarchError when none can be read."""
    try:
        catalog = engine(settings.engine).catalog(settings, command.call)
    except MatriarchError as error:
        every = {str(number): str(error) for number in range(1, len(settings.repositories) + 1)}
        replace(state, problems=every).write()
        raise
    state.seen(catalog, first_missing(catalog, now), now, settings.place).write()
    return catalog


def first_missing(catalog: Catalog, now: datetime) -> str:
    """The first WAL that is missing after a repository's newest backup; empty where it is whole."""
    for number in sorted({backup.repository for backup in catalog.backups}):
        held = catalog.in_repository(number)
        newest = held.newest
        for segment in missing_since(held, newest, now) if newest else ():
            return segment.name(held.segment_bytes)
    return ""


def ask_patroni(settings: Settings) -> ClusterState:
    """How the cluster stands, from the first member that answers. Raises NobodyAnswered."""
    unanswered: dict[str, str] = {}
    for http in patronis(settings):
        try:
            return ClusterState.from_json(http.request("GET", "/cluster"))
        except RemoteError as error:
            unanswered[http.url] = error.reason
        except ValueError as error:
            unanswered[http.url] = str(error)
    raise NobodyAnswered(unanswered)


def _etcd(settings: Settings) -> list[EtcdKeys]:
    return [EtcdKeys(http) for http in servers(settings, settings.etcd_urls)]


def _note(**changed: str) -> None:
    replace(State.read(), **changed).write()  # type: ignore[arg-type]


def _new(before: Catalog, after: Catalog, repository: int) -> Backup:
    known = {backup.label for backup in before.backups}
    made = [b for b in after.backups if b.repository == repository and b.label not in known]
    if not made:
        raise MatriarchError("the engine says that the backup was made, but the repository does not show it")
    return made[-1]
