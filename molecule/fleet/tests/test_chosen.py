"""One cluster of an inventory, by its name."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from integration.inventory import Cluster, load
from integration.operations import Outcome, is_whole, play
from integration.watch import eventually

from .test_broken import declared

NAMES = ["orders", "stock"]


@pytest.fixture(scope="module")
def clusters() -> dict[str, Cluster]:
    return {cluster.name: cluster for cluster in load()}


def hosts(run: Outcome) -> set[str]:
    """Who took part in more than the choice."""
    acted = run.stdout.split("\nPLAY [", 2)[2]
    return set(re.findall(r"^(?:ok|changed|skipping|fatal|failed): \[(\w+)", acted, re.MULTILINE))


def statuses(run: Outcome) -> list[str]:
    return sorted(json.loads(told)["name"] for told in run.messages if str(told).startswith("{"))


def test_a_name_that_no_cluster_has_is_refused(clusters: dict[str, Cluster]) -> None:
    run = play(clusters["orders"], "site", cluster="sales")
    assert not run.ok
    assert "No cluster of the inventory is called sales. Next: -e cluster= with one of orders, stock" in run.said
    assert not run.changed


@pytest.mark.parametrize("operation", ["switchover", "rolling_restart", "rolling_update", "rolling_reboot"])
def test_an_operation_on_several_names_the_choice(clusters: dict[str, Cluster], operation: str) -> None:
    run = play(clusters["orders"], operation)
    assert not run.ok
    assert "Next: -e cluster= with one of orders, stock" in run.said


def test_the_status_of_one_says_nothing_of_the_other(clusters: dict[str, Cluster]) -> None:
    whole = play(clusters["orders"], "status", format="json")
    assert whole.ok, whole.tail
    assert statuses(whole) == NAMES
    for name in NAMES:
        one = play(clusters["orders"], "status", format="json", cluster=name)
        assert one.ok, one.tail
        assert statuses(one) == [name]


def test_an_operation_acts_on_the_chosen_one_alone(clusters: dict[str, Cluster]) -> None:
    run = play(clusters["orders"], "switchover", cluster="orders")
    assert run.ok, run.tail
    assert hosts(run) == {"or1", "or2"}
    eventually("it is whole", 60, lambda: is_whole(clusters["orders"]))


def test_a_run_on_the_chosen_one_touches_no_other_host(clusters: dict[str, Cluster]) -> None:
    run = play(clusters["orders"], "site", cluster="stock")
    assert run.ok, run.tail
    assert hosts(run) == {"st1"}
    assert not run.changed, run.tail


def test_a_variable_of_that_name_in_the_inventory_chooses_nothing(clusters: dict[str, Cluster], tmp_path: Path) -> None:
    run = play(declared(clusters, tmp_path, orders={"cluster": "sales"}), "status", format="json")
    assert run.ok, run.tail
    assert statuses(run) == NAMES
