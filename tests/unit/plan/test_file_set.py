# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables of what shall be, what is, and what the plan makes of it."""

from __future__ import annotations

import pytest
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.file_set import (
    SECRET,
    Accounts,
    Attributes,
    Entry,
    Found,
    diff,
    objections,
    parse_mode,
    plan,
)

USERS = {"root": 0, "etcd": 101}
ACCOUNTS = Accounts(uid=USERS.get, gid=USERS.get, user={0: "root", 101: "etcd"}.get, group={0: "root", 101: "etcd"}.get)
OLD_FILE = Found("file", b"old\n", uid=0, gid=0, mode=0o644)
PATH = "/etc/x/a.cfg"


def plan_one(entry: Entry, found: Found, *, forgiving: bool = False):
    return plan([entry], {entry.path: found}, ACCOUNTS, forgiving=forgiving)


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        (Entry("file", PATH, b"old\n"), OLD_FILE),
        (Entry("file", PATH, b"old\n", owner="root", group="0", mode=0o644), OLD_FILE),
        (Entry("directory", "/etc/x", owner="etcd"), Found("directory", uid=101, gid=0, mode=0o700)),
        (Entry("link", PATH, target="/dev/null"), Found("link", target="/dev/null")),
        (Entry("absent", PATH), Found("nothing")),
        (Entry("absent", PATH), Found("nothing", parent=False)),
    ],
)
def test_what_is_already_so_is_left_alone(entry, found):
    accounts = Accounts(lambda name: 0 if name == "0" else USERS.get(name), lambda name: USERS.get(name, 0), str, str)
    assert plan([entry], {entry.path: found}, accounts, forgiving=False).changes == ()


@pytest.mark.parametrize(
    ("entry", "found", "replaces", "attributes"),
    [
        (Entry("file", PATH, b"new"), Found(), True, Attributes(mode=0o644)),
        (Entry("file", PATH, b"new", secret=True), Found(), True, Attributes(mode=0o600)),
        (Entry("file", PATH, b"new"), OLD_FILE, True, Attributes(0, 0, 0o644)),
        (Entry("file", PATH, b"new", mode=0o600), OLD_FILE, True, Attributes(0, 0, 0o600)),
        (Entry("file", PATH, b"old\n", owner="etcd"), OLD_FILE, False, Attributes(101, 0, 0o644)),
        (Entry("file", PATH, b"x"), Found("link", target="/y", uid=7, gid=7, mode=0o777), True, Attributes(mode=0o644)),
        (Entry("directory", PATH, mode=0o700), Found(), True, Attributes(mode=0o700)),
        (Entry("link", PATH, target="/b"), Found("link", target="/a"), True, Attributes()),
        (Entry("link", PATH, target="/b"), OLD_FILE, True, Attributes()),
        (Entry("absent", PATH), Found("directory", empty=True), True, Attributes()),
        (Entry("absent", PATH), Found("link", target="/nowhere"), True, Attributes()),
    ],
)
def test_what_differs_is_changed(entry, found, replaces, attributes):
    made = plan_one(entry, found)
    assert made.refusals == ()
    (change,) = made.changes
    assert (change.replaces, change.attributes) == (replaces, attributes)


@pytest.mark.parametrize(
    ("entry", "found", "reason"),
    [
        (Entry("file", PATH), Found("directory"), "is a directory and shall be a file"),
        (Entry("link", PATH), Found("directory"), "is a directory and shall be a link"),
        (Entry("directory", PATH), OLD_FILE, "is a file and shall be a directory"),
        (Entry("absent", PATH), Found("directory", empty=False), "directory with content"),
        (Entry("absent", PATH), Found("other"), "device, socket or pipe"),
        (Entry("file", PATH), Found("other"), "device, socket or pipe"),
    ],
)
@pytest.mark.parametrize("forgiving", [True, False])
def test_nothing_that_is_not_a_file_or_link_is_removed(entry, found, reason, forgiving):
    assert reason in plan_one(entry, found, forgiving=forgiving).refusals[0]


@pytest.mark.parametrize(
    ("entry", "found", "reason"),
    [
        (Entry("file", PATH, owner="nobody-yet"), Found(), "user nobody-yet does not exist"),
        (Entry("directory", PATH, group="nobody-yet"), Found(), "group nobody-yet does not exist"),
        (Entry("file", PATH), Found(parent=False), "its directory does not exist"),
    ],
)
def test_what_packages_will_bring_is_missing_only_outside_check_mode(entry, found, reason):
    assert reason in plan_one(entry, found).refusals[0]
    forgiven = plan_one(entry, found, forgiving=True)
    assert forgiven.refusals == ()
    assert len(forgiven.changes) == 1


def test_a_directory_of_the_same_set_is_a_directory():
    wish = [Entry("directory", "/etc/x"), Entry("file", PATH)]
    assert plan(wish, {"/etc/x": Found(), PATH: Found(parent=False)}, ACCOUNTS, forgiving=False).refusals == ()


@pytest.mark.parametrize("path", ["relative", "", "/etc/../x", "/etc//x", "/etc/x/", "/etc/\0x"])
def test_only_plain_absolute_paths(path):
    assert "plain absolute path" in objections([Entry("file", path)])[0]


def test_one_path_can_be_one_thing_only():
    wish = [Entry("file", PATH), Entry("absent", PATH), Entry("file", "/etc/y", validate="check it")]
    assert [text.split(" ", 1)[1] for text in objections(wish)] == [
        "is asked for more than once",
        "validate 'check it' has no %s, where the name of the new file goes",
    ]


@pytest.mark.parametrize("text", ["420", "644", "0888", "u=rw", "", "00644", "0644\n"])
def test_modes_are_four_octal_digits(text):
    with pytest.raises(ValueError, match="four octal digits"):
        parse_mode(text)


def test_the_diff_shows_contents_and_attributes_and_no_secret():
    old_secret = Found("file", b"old-password", uid=0, gid=0, mode=0o600)
    wish = [
        (Entry("file", "/a", b"new\n", owner="etcd", mode=0o640), OLD_FILE),
        (Entry("file", "/b", b"old\n", mode=0o600), OLD_FILE),
        (Entry("file", "/c", b"new-password", secret=True), old_secret),
        (Entry("absent", "/d"), old_secret),
        (Entry("link", "/e", target="/dev/null"), old_secret),
        (Entry("file", "/f", b"\xff\n"), Found()),
    ]
    made = plan([entry for entry, _found in wish], {e.path: f for e, f in wish}, ACCOUNTS, forgiving=False)
    parts = {part["before_header"][:2]: part for part in diff(made.changes, ACCOUNTS)}
    assert parts["/a"] == {
        "before_header": "/a root:root 0644",
        "after_header": "/a etcd:root 0640",
        "before": "old\n",
        "after": "new\n",
    }
    assert (parts["/b"]["before"], parts["/b"]["after"]) == ("root:root 0644\n", "root:root 0600\n")
    assert (parts["/c"]["before"], parts["/c"]["after"]) == (f"{SECRET}\n", f"{SECRET} of this run\n")
    assert (parts["/d"]["before"], parts["/d"]["after"]) == ("(file)\n", "")
    assert (parts["/e"]["before"], parts["/e"]["after"]) == ("(file)\n", "(link to /dev/null)\n")
    assert parts["/f"]["after"] == "\ufffd\n"
    assert "password" not in str(parts)
