# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a lost etcd is built anew below a cluster that runs, or why it must not be. Pure.

Patroni's failsafe mode carries the cluster while etcd is gone: the leader goes on as long as every member answers it.
What is put before Patroni then must be empty, or agree with what runs: a store from the past names another leader, and
Patroni would believe it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import Refused
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.member_status import MemberStatus, Voice
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.store import StoreRecord

SITE = "ansible-playbook matriarch.pgcluster.site"
FROM_NOTHING = "-e from=nothing"

STEPS = {
    "none": (),
    "resume": (
        "start the members that have data, at a port that Patroni does not know",
        "compare what they hold with the cluster that runs",
    ),
    "survivor": (
        "stop etcd on all hosts; Patroni does not see the difference",
        "move what the others have aside",
        "make {survivor} a cluster of one from its database, keep its old data beside it, and start it at a port that "
        "Patroni does not know",
        "compare what it holds with the cluster that runs",
    ),
    "nothing": (
        "stop etcd on all hosts; Patroni does not see the difference",
        "move aside what lies in its data directories",
        "found a new etcd, at a port that Patroni does not know",
    ),
}
ENDING = (
    "let the members that have no data join",
    "when all are healthy, show etcd to Patroni, all members at once",
    "see that nobody was restarted, that Patroni has written everything again, and that all members hold the same",
    "save a snapshot",
)


@dataclass(frozen=True)
class Wish:
    """What the user says: from where (auto, survivor or nothing), and whose data where several have some."""

    source: str = "auto"
    survivor: str = ""


@dataclass(frozen=True)
class Found:
    """What is left of etcd: by name whether data is there, how it answers, and whether an unseen one runs already."""

    has_data: Mapping[str, bool]
    healthy: bool = False
    has_majority: bool = False
    unseen_has_majority: bool = False

    @property
    def survivors(self) -> tuple[str, ...]:
        """The members that have data."""
        return tuple(sorted(name for name, has in self.has_data.items() if has))

    @property
    def quorum(self) -> int:
        """How many of the declared members are a majority."""
        return len(self.has_data) // 2 + 1


@dataclass(frozen=True)
class Way:
    """What is to be done (none, resume, survivor or nothing), from whose data, and why."""

    name: str
    reason: str
    survivor: str = ""

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps in words."""
        begin = tuple(step.format(survivor=self.survivor) for step in STEPS[self.name])
        return (*begin, *ENDING) if begin else ()


@dataclass(frozen=True)
class Evidence:
    """The cluster that runs, as its own members tell it: what must be the same afterwards.

    `started` is by member when its postmaster started, as PostgreSQL writes a time.
    """

    leader: str
    timeline: int
    system_identifier: str
    started: Mapping[str, str] = field(default_factory=dict)

    def facts(self) -> dict[str, Any]:
        """The evidence as a module returns it."""
        return asdict(self)


def choose(found: Found, wish: Wish) -> Way:
    """The way that leaves the most. Raises Refused where etcd is not lost, or somebody has to decide."""
    if found.healthy:
        return Way("none", "etcd is healthy with all its members")
    if found.has_majority:
        raise Refused(
            "etcd is not lost, a majority of its members runs, and only that can bring the others back without a risk. "
            f"Next: {SITE}, which joins members that lost their data"
        )
    if wish.source == "nothing":
        return Way("nothing", "etcd shall be founded anew, whatever is left of it")
    if found.unseen_has_majority:
        return Way("resume", "an earlier run was interrupted: its etcd runs unseen")
    if wish.source == "auto" and not found.survivors:
        return Way("nothing", "no member has data")
    if wish.source == "auto" and len(found.survivors) >= found.quorum:
        return Way("resume", f"a majority has data ({', '.join(found.survivors)}), and only has to run again")
    return _from_survivor(found, wish)


def _from_survivor(found: Found, wish: Wish) -> Way:
    if wish.survivor and wish.survivor not in found.survivors:
        raise Refused(f"{wish.survivor} has no data of etcd: {_told(found)}", survivors=list(found.survivors))
    if not found.survivors:
        raise Refused(f"no member has data. Next: the same with {FROM_NOTHING}")
    if not wish.survivor and len(found.survivors) > 1:
        raise Refused(
            f"{_told(found)}, and which is the newest shows in their journals alone. Next: the same with "
            f"-e from=survivor -e survivor=NAME, or with {FROM_NOTHING}",
            survivors=list(found.survivors),
        )
    survivor = wish.survivor or found.survivors[0]
    return Way("survivor", f"{survivor} has its data, and no majority is left", survivor)


def _told(found: Found) -> str:
    return f"data is on {', '.join(found.survivors) or 'no host'}"


def evidence_of(voices: Sequence[Voice], cluster: str) -> Evidence:
    """What runs without etcd. Raises Refused with everything that makes it unsafe to go on.

    In failsafe mode the leader asks all members in every loop, and demotes itself where one does not answer.
    """
    heard = {voice.name: voice.status for voice in voices if voice.status}
    primaries = {name: status for name, status in heard.items() if status.is_primary}
    problems = [f"Patroni of {voice.name} does not answer: {voice.reason}" for voice in voices if not voice.status]
    problems += [f"{name} belongs to {status.scope}" for name, status in heard.items() if status.scope != cluster]
    if not primaries:
        problems.append("no member is a primary; a standby cluster, which has none, is not supported here")
    if len(primaries) > 1:
        problems.append(f"{len(primaries)} members are primaries ({', '.join(sorted(primaries))}), not one")
    for leader, leading in primaries.items():
        standbys = {name: status for name, status in heard.items() if name not in primaries}
        problems += [told for name, status in standbys.items() if (told := _not_following(name, status, leading))]
        if not leading.failsafe_active:
            problems.append(f"Patroni of {leader} is not in failsafe mode: it does not say that it has lost etcd")
    if problems:
        raise Refused(
            f"Nothing was changed, because the cluster does not run as a whole: {'; '.join(problems)}. Next: look "
            "at Patroni's journal there, and do not restart any Patroni while etcd is lost",
            problems=problems,
        )
    ((leader, leading),) = primaries.items()
    started = {name: status.postmaster_started for name, status in sorted(heard.items())}
    return Evidence(leader, leading.timeline or 0, leading.system_identifier, started)


def _not_following(name: str, status: MemberStatus, leader: MemberStatus) -> str:
    if not status.streams:
        return f"{name} ({status.role}) does not stream: it is {status.replication_state or status.state}"
    if status.timeline != leader.timeline:
        return f"{name} is on timeline {status.timeline}, the leader on {leader.timeline}"
    return ""


def contradictions(
    values: Mapping[str, str], running: Evidence, config: Mapping[str, Any], *, complete: bool
) -> tuple[str, ...]:
    """What the keys of the cluster say otherwise than the cluster that runs; nothing where there are no keys yet.

    `complete`: everything must be there, and somebody hold the leader's key. `config` is the dynamic configuration
    that Patroni has.
    """
    if not values and not complete:
        return ()
    try:
        record = StoreRecord.from_values(values)
        kept = json.loads(values.get("config", "null"))
    except ValueError as error:
        return (f"Patroni's keys cannot be read: {error}",)
    told = [
        ("the system identifier", values["initialize"], running.system_identifier),
        ("the leader", record.leader, running.leader),
        ("the leader of the synchronous standbys", record.voters_of, running.leader),
        ("the timeline", record.timeline, running.timeline),
    ]
    found = [f"{what} is {kept_as} in etcd, and {is_now} in truth" for what, kept_as, is_now in told
             if kept_as != is_now and (complete or kept_as is not None)]  # fmt: skip
    if kept != config:
        found.append(f"the dynamic configuration differs in {_differences(kept, config)}")
    return tuple(found)


def _differences(kept: object, config: Mapping[str, Any]) -> str:
    if not isinstance(kept, Mapping):
        return "everything"
    return ", ".join(sorted(key for key in kept.keys() | config.keys() if kept.get(key) != config.get(key)))


def judge(values: Mapping[str, str], running: Evidence, config: Mapping[str, Any]) -> None:
    """Raises Refused where Patroni, if it saw these keys, would act on what is not true any more."""
    found = contradictions(values, running, config, complete=False)
    if found:
        raise Refused(
            f"what survived is from the past, and Patroni does not see it: {'; '.join(found)}. "
            f"Next: the same with {FROM_NOTHING}, which founds etcd anew",
            problems=list(found),
        )


def differences_of(voices: Sequence[Voice], before: Evidence) -> tuple[str, ...]:
    """What of the members is not as before, or not as it shall be."""
    found = [f"{name} is not heard of" for name in sorted(before.started.keys() - {voice.name for voice in voices})]
    for voice in voices:
        found += [f"{voice.name} {told}" for told in _differing(voice, before)]
    return tuple(found)


def _differing(voice: Voice, before: Evidence) -> list[str]:
    status = voice.status
    if status is None:
        return [f"does not answer: {voice.reason}"]
    serves = status.is_primary if voice.name == before.leader else status.streams and not status.is_primary
    wrong = {
        f"is a {status.role} and {status.replication_state or status.state}": not serves,
        f"was restarted at {status.postmaster_started}": status.postmaster_started != before.started.get(voice.name),
        f"is on timeline {status.timeline}, not {before.timeline}": status.timeline != before.timeline,
        "does not see etcd yet": status.failsafe_active or status.leaderless,
    }
    return [told for told, is_wrong in wrong.items() if is_wrong]


def missing_of(values: Mapping[str, str], standbys: Collection[str], config: Mapping[str, Any]) -> tuple[str, ...]:
    """What Patroni has still to write until it survives the next loss of etcd, and of the leader."""
    found = [f"/{key} is not written yet" for key in ("status", "failsafe") if key not in values]
    wants = str(config.get("synchronous_mode", "off")).lower() not in ("off", "false", "none")
    if wants and standbys and not StoreRecord.from_values(values).voters:
        found.append("no synchronous standby is noted yet")
    return tuple(found)
