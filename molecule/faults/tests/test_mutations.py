"""The checker is worth something: a cluster that may lose a row, or has two leaders, is found out."""

from __future__ import annotations

from collections.abc import Callable

from faults.nemesis.mutations import LOCAL_COMMIT, AloneThenPowerCut, Asynchronous, NoStandbysNorStrict, Unguarded
from faults.verdict import Verdict

Happens = Callable[..., Verdict]


def test_asynchronous_replication_is_found_out(happens: Happens) -> None:
    assert {"lost", "beyond_fork"} <= happens(Asynchronous).rules


def test_local_commits_are_found_out(happens: Happens) -> None:
    assert {"lost", "beyond_fork"} <= happens(AloneThenPowerCut, LOCAL_COMMIT).rules


def test_a_cluster_that_goes_on_alone_is_found_out(happens: Happens) -> None:
    """Nothing need be lost by it, as long as the leader lives."""
    assert "silence" in happens(NoStandbysNorStrict).rules


def test_a_demotion_that_is_missing_is_found_out(happens: Happens) -> None:
    assert {"lost", "two_members"} <= happens(Unguarded, LOCAL_COMMIT).rules
