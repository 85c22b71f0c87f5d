# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab shows to nft, to Ansible and to the shell."""

from __future__ import annotations

import json

import pytest
from lab import drops, image
from lab.cli import parser
from lab.drops import Drops
from lab.inventory import Entry, as_ini, as_json

ENTRY = Entry("db1", "10.77.7.11", "trixie", "on", "/lab/id_ed25519", "/lab/known_hosts")


def test_dropping_everything_spares_the_loopback() -> None:
    text = Drops().ruleset()
    assert 'iifname != "lo" counter drop' in text
    assert 'oifname != "lo" counter drop' in text


def test_drops_are_narrowed_by_port_peer_and_chance_both_ways() -> None:
    text = Drops(ports=(2379, 2380), peers=("10.77.7.12",), percent=30).ruleset()
    for start in ('iifname != "lo" ip saddr', 'oifname != "lo" ip daddr'):
        for port in ("dport", "sport"):
            rule = f"{start} {{ 10.77.7.12 }} tcp {port} {{ 2379, 2380 }} numgen random mod 100 < 30 counter drop"
            assert rule in text


def test_answers_alone_are_the_data_that_a_port_sends() -> None:
    text = Drops(ports=(5432,), peers=("10.77.7.12",), answers=True).ruleset()
    assert text.count("drop\n") == 1
    assert 'oifname != "lo" ip daddr { 10.77.7.12 } tcp sport { 5432 } tcp flags & psh == psh counter drop' in text


def test_dropped_packets_of_all_rules_are_counted() -> None:
    rules = [{"rule": {"expr": [{"counter": {"packets": packets}}, {"drop": None}]}} for packets in (2, 3)]
    assert drops.count(json.dumps({"nftables": [{"metainfo": {}}, *rules]})) == 5


def test_another_recipe_is_another_image() -> None:
    assert image.recipe("trixie", ["deb a"], []) == image.recipe("trixie", ["deb a"], [])
    assert image.recipe("trixie", ["deb a"], []) != image.recipe("trixie", ["deb b"], [])


def test_json_inventory_has_what_a_create_playbook_needs() -> None:
    found = json.loads(as_json([ENTRY]))["db1"]
    assert (found["address"], found["state"], found["key"]) == ("10.77.7.11", "on", "/lab/id_ed25519")
    assert found["ansible"]["ansible_host"] == "10.77.7.11"


def test_ini_inventory_quotes_what_has_spaces() -> None:
    line = as_ini([ENTRY])
    assert line.startswith("db1 ansible_host=10.77.7.11 ansible_user=root ")
    assert 'ansible_ssh_common_args="-o UserKnownHostsFile=/lab/known_hosts ' in line


@pytest.mark.parametrize("words", [["--lab", "other", "status"], ["status", "--lab", "other"]])
def test_the_lab_is_named_before_or_after_the_verb(words: list[str]) -> None:
    assert parser().parse_args(words).lab == "other"


def test_commands_inside_keep_their_own_options() -> None:
    options = parser().parse_args(["exec", "db1", "ls", "--all", "-l"])
    assert (options.name, options.command) == ("db1", ["ls", "--all", "-l"])
