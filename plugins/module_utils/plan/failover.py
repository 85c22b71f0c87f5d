# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who shall lead a cluster that has no leader. Pure; what each choice would lose is weighed in failover_evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import Refused
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.failover_evidence import Situation, Standing


@dataclass(frozen=True)
class Wish:
    """Who shall lead (the best, where nobody is named), and how much may be lost for it.

    `force` accepts every loss, and a candidate that others are ahead of; never a second primary.
    """

    candidate: str | None = None
    maximum_lost_bytes: int = 0
    force: bool = False


@dataclass(frozen=True)
class FailoverPlan:
    """Who leads already (`is_done`), or shall be made leader, and what is known of the loss."""

    chosen: str
    is_done: bool
    reason: str
    url: str = ""


def plan_failover(situation: Situation, wish: Wish) -> FailoverPlan:
    """Choose. Raises Refused, with the ranking, when somebody leads, or nobody can, or the choice loses too much."""
    try:
        if situation.record.leader is not None:
            return _led_by(situation.record.leader, situation, wish)
        _refuse_a_second_primary(situation)
        chosen = _choose(situation.ranking(), wish)
        if not wish.force:
            _refuse_a_loss(situation, chosen, wish)
    except Refused as refusal:
        raise Refused(str(refusal), ranking=ranking_facts(situation)) from refusal
    return FailoverPlan(chosen.name, False, claim(situation, chosen), chosen.url)


def ranking_facts(situation: Situation) -> list[dict[str, Any]]:
    """The ranking as a module returns it."""
    return [{**standing.facts(), "claim": claim(situation, standing)} for standing in situation.ranking()]


def claim(situation: Situation, standing: Standing) -> str:
    """What is known of a member's loss, in a sentence."""
    if standing.obstacle:
        return f"{standing.name} cannot lead: {standing.obstacle}"
    if standing.loses_nothing:
        return f"{standing.name} has every acknowledged commit: {_proof(situation)}"
    lost = "an unknown number of" if standing.lost_bytes is None else f"{standing.lost_bytes}"
    seconds = standing.lost_seconds_at_most
    age = "" if seconds is None else f"; its last commit is {seconds:.0f} s old"
    return f"{standing.name} lacks {lost} bytes of the most advanced log that is known{age}; {_proof(situation)}"


def _led_by(leader: str, situation: Situation, wish: Wish) -> FailoverPlan:
    """Nothing is to do where the one who leads may; a leader is moved by a switchover, and a dead one's key expires."""
    status = next((v.status for v in situation.voices if v.name == leader), None)
    if status is None or not status.serves_as_leader:
        how = f"its PostgreSQL is {status.state} ({status.role})" if status else "its Patroni does not answer"
        raise Refused(
            f"{leader} still holds the leader's key, but {how}. Next: if that host is gone, run this again when the "
            "key has expired (Patroni's ttl); else look at it: journalctl -u patroni -n 50"
        )
    if wish.candidate not in (None, leader):
        raise Refused(
            f"{leader} leads, so that this would be a switchover. Next: playbooks/switchover.yml, for {wish.candidate}"
        )
    return FailoverPlan(leader, True, f"{leader} leads already")


def _refuse_a_second_primary(situation: Situation) -> None:
    alive = [v.name for v in situation.voices if v.status and v.status.is_primary]
    if alive:
        raise Refused(
            f"{', '.join(alive)} takes writes, though without the leader's key; a second primary would split the "
            "cluster. Next: its Patroni takes the key or steps down within seconds, then run this again; if it does "
            "not, stop it there: systemctl stop patroni"
        )


def _choose(ranking: Sequence[Standing], wish: Wish) -> Standing:
    able = [standing for standing in ranking if not standing.obstacle]
    if not able:
        reasons = "; ".join(f"{s.name}: {s.obstacle}" for s in ranking)
        raise Refused(f"nobody can lead: {reasons}. Next, on the members named: journalctl -u patroni -n 50")
    if wish.candidate is None:
        return able[0]
    named = next((standing for standing in ranking if standing.name == wish.candidate), None)
    if named is None:
        raise Refused(f"{wish.candidate} is not among the members: {', '.join(s.name for s in ranking)}")
    if named.obstacle:
        raise Refused(f"{named.name} cannot lead: {named.obstacle}. Next: take {able[0].name}, or name nobody")
    if able[0].rank > named.rank and not wish.force:
        raise Refused(f"{able[0].name} is ahead of {named.name}. Next: name nobody, or accept it: force=true")
    return named


def _refuse_a_loss(situation: Situation, chosen: Standing, wish: Wish) -> None:
    """Synchronous commits are promised: there only the proof counts. Else the declared limit does."""
    if chosen.loses_nothing:
        return
    promised = situation.record.voters_of is not None
    too_much = chosen.lost_bytes is None or chosen.lost_bytes > wish.maximum_lost_bytes
    if promised or too_much:
        limit = "" if promised else f", and at most {wish.maximum_lost_bytes} bytes may be lost"
        missing = _missing(situation) or "members that are ahead"
        raise Refused(f"{claim(situation, chosen)}{limit}. Next: bring back {missing}, or accept the loss: force=true")


def _proof(situation: Situation) -> str:
    """What acknowledged commits are known by, or why they are not."""
    record = situation.record
    if record.voters_of is None:
        return "commits did not wait for a standby, so what was acknowledged last is not known"
    if situation.timeline != record.timeline:
        return f"the voters that etcd knows are those of timeline {record.timeline}, and this is {situation.timeline}"
    heard = situation.heard_voters()
    if situation.proven() is not None and len(heard) < record.answers_needed:
        return f"{record.voters_of}, which acknowledged them, was heard"
    voters = ", ".join(record.voters) or "nobody"
    return f"{len(heard)} of {len(record.voters)} voters ({voters}) were heard, {record.answers_needed} are needed"


def _missing(situation: Situation) -> str:
    """Those whose word would be a proof: the leader of before, or the voters that were not heard."""
    heard, record = situation.heard_voters(), situation.record
    return " or ".join([*filter(None, [record.voters_of]), *(name for name in record.voters if name not in heard)])
