# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.declaration import names_of, problems, setting


def base(name, **told):
    return {"name": name, "state": "present", "owner": "shop", "settings": {}, "schemas": [], "grants": [], **told}


GRANT = {"to": "reports", "schema": "public", "access": "read"}


@pytest.mark.parametrize(
    ("users", "databases", "reason"),
    [
        (["a", "b", "a"], [], "the user a is declared 2 times"),
        ([], [base("a"), base("a")], "the database a is declared 2 times"),
        ([""], [], "a name is a text that is not empty"),
        (["a\0b"], [], "has no NUL in it"),
        (["x" * 64], [], "at most 63 bytes, this one has 64"),
        (["ü" * 32], [], "at most 63 bytes, this one has 64"),
        (["replicator"], [], "this name is the cluster's"),
        (["pg_mine"], [], "PostgreSQL's own"),
        (["public"], [], "PostgreSQL's own"),
        ([], [base("template1")], "this one is PostgreSQL's own"),
        ([], [base("a", owner="")], "it has no 'owner'"),
        ([], [base("a", schemas=[{"name": "y" * 64}])], "the schema " + "y" * 64 + ": a name has at most 63"),
        ([], [base("a", owner="reports", grants=[GRANT])], "who owns the schema and may do everything there"),
        ([], [base("a", grants=[{**GRANT, "to": ""}])], "'grants' to '': a name is a text that is not empty"),
        (
            [],
            [base("a", schemas=[{"name": "s", "owner": "reports"}], grants=[{**GRANT, "schema": "s"}])],
            "'grants' name reports, who owns the schema",
        ),
        ([], [base("a", grants=[GRANT, GRANT])], "2 'grants' to reports in the schema public"),
        (["unset"], [], "the user unset: 'settings': work_mem has no value"),
        ([], [base("a", settings={"search_path": None})], "the database a: 'settings': search_path has no value"),
        (['o"dd'], [base('o"dd', owner="")], "the database 'o\"dd'"),
    ],
)
def test_what_makes_no_sense(users, databases, reason):
    declared = [{"name": name, "settings": {"work_mem": None} if name == "unset" else {}} for name in users]
    assert reason in "; ".join(problems(declared, databases, ["replicator"]))


def test_what_makes_sense():
    hostile = ["a b", 'o"dd', "%s", "{{ x }}", "two\nlines", "user", "ü" * 31, "x" * 63]
    databases = [base(name, schemas=[{"name": name}], grants=[GRANT]) for name in hostile]
    assert (
        problems(
            [{"name": name, "settings": {}} for name in hostile],
            [*databases, base("gone", state="absent", owner="")],
            [],
        )
        == []
    )


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("shop, public", ("shop", "public")),
        ('"$user", public', ("$user", "public")),
        ('"a ""b"", c",d', ('a "b", c', "d")),
        ('""', ("",)),
        ("", ("",)),
    ],
)
def test_lists_of_names(text, names):
    assert names_of(text) == names


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("jit", False, "off"),
        ("jit", True, "on"),
        ("work_mem", 4096, "4096"),
        ("DateStyle", ["ISO", "DMY"], "ISO, DMY"),
        ("search_path", ["$user", "public"], ("$user", "public")),
        ("Search_Path", 'shop, "$user"', ("shop", "$user")),
        ("search_path", [], ("",)),
    ],
)
def test_values_as_postgresql_keeps_them(name, value, kept):
    assert setting(name, value) == kept
