#!/usr/bin/python
# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: postgres_objects
short_description: Declare users, databases and what is in them
version_added: 0.1.0
author: [The Matriarch authors (@matriarch)]
description:
  - Compares all that is declared with the catalogs of the leader, and makes what differs as declared, in one go.
  - Runs on the leader's host, as a user that PostgreSQL takes for its superuser on the unix socket.
  - What is not declared at all is left alone. Of a user or a database that is declared, the settings and memberships
    that are not declared are taken away.
  - Nothing is done while anything speaks against it. What holds data is dropped only when O(drop) names it too.
  - When leadership moves meanwhile, or moved before, this is no failure; RV(moved) tells it. What was done is kept, and
    a run on the new leader does the rest.
  - No password is sent, only its verifier, in sessions that log no statement.
requirements:
  - psycopg >= 3.1
options:
  users:
    description: The users, and the groups, which are users that do not log in.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Its name.
        type: str
        required: true
      state:
        description: V(absent) drops it, unless it owns something. What it was granted is taken back.
        type: str
        choices: [present, absent]
        default: present
      login:
        description: Whether it may log in.
        type: bool
        default: true
      verifier:
        description:
          - Its password's SCRAM verifier, see P(matriarch.pgcluster.scram_verifier#filter).
          - Without it nobody who logs in has a password yet; a user who has one is refused.
        type: str
      member_of:
        description: The users whose privileges it has.
        type: list
        elements: str
        default: []
      connection_limit:
        description: How many sessions it may have on the leader; -1 for any number.
        type: int
        default: -1
      settings:
        description: Parameters of its sessions. Those that are lists of names, as C(search_path), may be lists.
        type: dict
        default: {}
  databases:
    description: The databases.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Its name.
        type: str
        required: true
      state:
        description: V(absent) drops it, with the sessions that are open, if O(drop) names it too.
        type: str
        choices: [present, absent]
        default: present
      owner:
        description: Its owner; needed unless it shall be absent.
        type: str
        default: ""
      encoding:
        description: Its encoding, which can be chosen only when it is made. The cluster's own unless given.
        type: str
        default: ""
      locale:
        description: Its locale, as O(databases[].encoding).
        type: str
        default: ""
      connection_limit:
        description: How many sessions there may be on the leader; -1 for any number.
        type: int
        default: -1
      settings:
        description: Parameters of the sessions there.
        type: dict
        default: {}
      public:
        description: Whether everybody may connect. Otherwise only those who have access to something, and O(visitors).
        type: bool
        default: false
      schemas:
        description: Its schemas, besides C(public).
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: Its name.
            type: str
            required: true
          owner:
            description: Its owner; that of the database unless given.
            type: str
            default: ""
          state:
            description: V(absent) drops it with all that is in it, if O(drop) names it too, as C(database/schema).
            type: str
            choices: [present, absent]
            default: present
      extensions:
        description: Its extensions. One that is not declared any more stays.
        type: list
        elements: str
        default: []
      grants:
        description: Who else has access. One that is not declared any more stays, until it is declared as V(none).
        type: list
        elements: dict
        default: []
        suboptions:
          to:
            description: Whom it is given.
            type: str
            required: true
          schema:
            description: The schema whose tables and sequences are meant, those that its owner makes later included.
            type: str
            default: public
          access:
            description:
              - V(read) is SELECT. V(write) is that and INSERT, UPDATE and DELETE.
              - V(all) is everything that can be granted, making tables included. V(none) takes all of it back.
            type: str
            choices: [none, read, write, all]
            required: true
  visitors:
    description: Users who may connect to every database that is declared.
    type: list
    elements: str
    default: []
  reserved:
    description: Names of users that cannot be declared.
    type: list
    elements: str
    default: []
  drop:
    description: What may be dropped although it holds data, as its owner's word; databases, and C(database/schema).
    type: list
    elements: str
    default: []
  preloads:
    description: The library that must be loaded before an extension can be made, by extension.
    type: dict
    default: {}
  installs:
    description: Extensions whose packages a run outside of check mode would have installed before.
    type: list
    elements: str
    default: []
  socket_directory:
    description: Where PostgreSQL's unix socket lies.
    type: path
    default: /run/postgresql
  port:
    description: PostgreSQL's port.
    type: int
    default: 5432
  wait_timeout:
    description: Seconds to wait, and to begin again, while PostgreSQL here does not answer or is a replica.
    type: float
    default: 20.0
attributes:
  check_mode:
    description: Asks only, and tells what would be done.
    support: full
  diff_mode:
    description: Shows what differs, without any verifier.
    support: full
  idempotent:
    description: When run twice, the second run changes nothing.
    support: full
"""

EXAMPLES = r"""
- name: Have a shop, and somebody who reads there
  matriarch.pgcluster.postgres_objects:
    users:
      - name: shop
        verifier: "{{ shop_password | matriarch.pgcluster.scram_verifier(pgcluster_name ~ '/shop') }}"
        connection_limit: 50
      - name: reports
        verifier: "{{ reports_password | matriarch.pgcluster.scram_verifier(pgcluster_name ~ '/reports') }}"
        settings: {statement_timeout: 5min}
    databases:
      - name: shop
        owner: shop
        extensions: [pg_trgm]
        grants: [{to: reports, access: read}]

- name: Drop it all
  matriarch.pgcluster.postgres_objects:
    users: [{name: shop, state: absent}]
    databases: [{name: shop, state: absent}]
    drop: [shop]
"""

RETURN = r"""
actions:
  description: What was done, in order; in check mode, what would be.
  returned: success
  type: list
  elements: str
  sample: [make user shop, make database shop]
waiting:
  description: Extensions that can be made only after a restart of PostgreSQL.
  returned: success
  type: list
  elements: str
  sample: ["database shop, extension pg_cron"]
moved:
  description: Why somebody else has to do the rest. Empty when all is as declared.
  returned: success
  type: str
problems:
  description: Why nothing was done, each reason once.
  returned: when it is refused
  type: list
  elements: str
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.objects_sql import (
    LeaderGone,
    ObjectsSql,
    batches,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError, Refused
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.objects import Facts
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.declaration import ACCESS, problems, wish_of
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.objects import (
    Allowed,
    ObjectsPlan,
    Step,
    plan_objects,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.objects_words import action, difference, named
from ansible_collections.matriarch.pgcluster.plugins.module_utils.wait import wait_until

PASSES = 3  # one is enough, but for a change of owners

NAME = {"type": "str", "required": True}
STATE = {"type": "str", "choices": ["present", "absent"], "default": "present"}
TEXT = {"type": "str", "default": ""}
TEXTS = {"type": "list", "elements": "str", "default": []}
LIMIT = {"type": "int", "default": -1}
MAP = {"type": "dict", "default": {}}


def objects(options: Mapping[str, Any]) -> dict[str, Any]:
    """An option that is a list of objects."""
    return {"type": "list", "elements": "dict", "default": [], "options": options}


SCHEMA = {"name": NAME, "owner": TEXT, "state": STATE}
GRANT = {
    "to": NAME,
    "schema": {"type": "str", "default": "public"},
    "access": {"type": "str", "choices": list(ACCESS), "required": True},
}
USER = {
    "name": NAME,
    "state": STATE,
    "login": {"type": "bool", "default": True},
    "verifier": {"type": "str", "no_log": True},
    "member_of": TEXTS,
    "connection_limit": LIMIT,
    "settings": MAP,
}
DATABASE = {
    "name": NAME,
    "state": STATE,
    "owner": TEXT,
    "encoding": TEXT,
    "locale": TEXT,
    "connection_limit": LIMIT,
    "settings": MAP,
    "public": {"type": "bool", "default": False},
    "schemas": objects(SCHEMA),
    "extensions": TEXTS,
    "grants": objects(GRANT),
}
ARGUMENTS: dict[str, Any] = {
    "users": objects(USER),
    "databases": objects(DATABASE),
    "visitors": TEXTS,
    "reserved": TEXTS,
    "drop": TEXTS,
    "preloads": MAP,
    "installs": TEXTS,
    "socket_directory": {"type": "path", "default": "/run/postgresql"},
    "port": {"type": "int", "default": 5432},
    "wait_timeout": {"type": "float", "default": 20.0},
}


@dataclass
class Progress:
    """What was done so far, also by attempts that leadership has left."""

    done: list[Step] = field(default_factory=list)


@dataclass(frozen=True)
class Attempt:
    """How it ended: with the plan that it went by, or because somebody else may lead."""

    plan: ObjectsPlan | None = None
    gone: str = ""


def attempt(params: Mapping[str, Any], wish: Facts, progress: Progress | None) -> Attempt:
    """Read and plan; with progress to be made, apply until another look finds nothing left."""
    try:
        with ObjectsSql(params["socket_directory"], params["port"]) as sql:
            if progress is None:
                return Attempt(look(sql, params, wish, progress))
            sql.lock()
            return Attempt(settle(sql, lambda: look(sql, params, wish, progress), progress))
    except LeaderGone as error:
        return Attempt(gone=error.reason)


def look(sql: ObjectsSql, params: Mapping[str, Any], wish: Facts, progress: Progress | None) -> ObjectsPlan:
    """What is left to do. Raises Refused where nothing was done yet, MatriarchError after that."""
    plan = plan_objects(sql.found(list(wish)), wish, allowed(params, progress is None))
    if plan.problems:
        refused = not (progress and progress.done)
        why, kind = "; ".join(plan.problems), Refused if refused else MatriarchError
        raise kind(f"Nothing{'' if refused else ' more'} was changed: {why}", problems=list(plan.problems))
    return plan


def allowed(params: Mapping[str, Any], only_looks: bool) -> Allowed:
    """What goes beyond the declaration."""
    return Allowed(params["drop"], params["preloads"], params["installs"] if only_looks else ())


def settle(sql: ObjectsSql, look_again: Callable[[], ObjectsPlan], progress: Progress) -> ObjectsPlan:
    """Take all steps, and look again: with a database PostgreSQL hands over what its former owner could do, too."""
    plan = look_again()
    for _pass in range(PASSES):
        if not plan.steps:
            return plan
        for batch in batches(plan.steps):
            sql.do(batch)
            progress.done += batch
        plan = look_again()
    if plan.steps:
        raise MatriarchError(
            f"PostgreSQL took every statement, and does not show: {'; '.join(named(s.fact) for s in plan.steps)}. "
            "Next: look for somebody else who changes them"
        )
    return plan


def run(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Try until it is done, or until somebody else has to do the rest; report."""
    if wrong := problems(params["users"], params["databases"], params["reserved"]):
        raise Refused(f"Nothing was changed: {'; '.join(wrong)}", problems=wrong)
    wish = wish_of(params["users"], params["databases"], params["visitors"])
    progress = None if check_mode else Progress()
    outcome = wait_until(
        lambda: attempt(params, wish, progress), lambda tried: not tried.gone, seconds=params["wait_timeout"]
    )
    plan = outcome.last.plan
    steps = progress.done if progress else list(plan.steps) if plan else []
    lines = [difference(step.fact, step.before, step.after) for step in steps]
    return {
        "changed": bool(steps),
        "actions": [action(step.fact, step.before, step.after) for step in steps],
        "waiting": [named(fact) for fact in plan.waiting] if plan else [],
        "moved": outcome.last.gone,
        "diff": {
            "before_header": "users and databases of the cluster",
            "after_header": "users and databases as declared",
            "before": "".join(before for before, _after in lines),
            "after": "".join(after for _before, after in lines),
        },
    }


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        answer = run(module.params, module.check_mode)
    except MatriarchError as error:
        module.fail_json(msg=str(error), **error.details)
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
