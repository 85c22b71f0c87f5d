# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What pgbench tells is read as it is meant, and ways are compared within their rounds."""

from __future__ import annotations

import pytest
from throughput import Cell, Sample, ratios, sample, table

SAID = """\
transaction type: <builtin: select only>
number of transactions actually processed: 5000
number of failed transactions: 0 (0.000%)
latency average = 0.812 ms
initial connection time = 21.3 ms
tps = 1231.503422 (without initial connection time)
"""
STRAIGHT, PROXIED = Cell("select-only", 1, "straight"), Cell("select-only", 1, "HAProxy")


def test_rates_and_cpu_time_of_one_transaction():
    assert sample(SAID, {"haproxy": 150_000.0}) == Sample(1231.503422, 0.812, {"haproxy": 30.0})


@pytest.mark.parametrize(
    "said",
    [
        "",
        SAID.replace("processed: 5000", "processed: 0"),
        SAID.replace("transactions: 0 (", "transactions: 3 ("),
        SAID.replace("tps = ", "tps: "),
    ],
)
def test_a_run_that_failed_is_no_sample(said):
    with pytest.raises(ValueError, match="pgbench"):
        sample(said, {})


def test_ratios_are_taken_round_by_round():
    cells = {STRAIGHT: [Sample(1000, 1), Sample(100, 10)], PROXIED: [Sample(900, 1.1), Sample(80, 12)]}
    assert ratios(cells, PROXIED, STRAIGHT) == [0.9, 0.8]


def test_the_table_tells_what_each_way_costs():
    cells = {STRAIGHT: [Sample(1000, 1.0, {"haproxy": 0.4})], PROXIED: [Sample(900, 1.125, {"haproxy": 31.0})]}
    head, base, proxied = table(cells, {STRAIGHT: STRAIGHT, PROXIED: STRAIGHT}).splitlines()
    assert head.split()[-2:] == ["us", "haproxy"]
    assert base.split() == ["select-only", "1", "straight", "1000", "1.000", "0"]
    assert proxied.split() == ["select-only", "1", "HAProxy", "900", "0.90", "1.125", "+0.125", "31"]
