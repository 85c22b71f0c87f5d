#!/usr/bin/python
# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: config_files
short_description: Install a set of files, directories and links as one
version_added: 0.1.0
author: [The Matriarch authors (@matriarch)]
description:
  - Makes a whole set of files, directories and links what they shall be in a single task,
    because every task costs each host a good part of a second.
  - Everything is compared first, and every new content that has a O(files[].validate) command is shown to it.
    When anything is refused, nothing at all is changed.
  - Then the set is made, O(directories) first, then O(files), O(links) and O(absent), each in the order given.
    A file is written beside the old one with its final owner and mode, flushed to the disk, and renamed over it.
options:
  files:
    description: Regular files. A link in the place of a file is replaced by the file.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: The absolute path.
        type: str
        required: true
      content:
        description:
          - The whole content, which shows up in the diff and in the output of C(-vvv).
          - Give secret contents in O(secret_contents) instead.
        type: str
      owner:
        description: Name or number of the owner. Left as it is when not given; a new file gets the user of the task.
        type: str
      group:
        description: Name or number of the group. As O(files[].owner) when not given.
        type: str
      mode:
        description:
          - Four octal digits in quotes, such as V("0644").
          - Left as it is when not given; a new file gets V("0644"), a new secret one V("0600").
        type: str
      validate:
        description:
          - A command that is run, without a shell, before a changed content is installed;
            C(%s) stands for a private file of the same base name that holds the new content.
          - An exit code other than 0 refuses the whole set.
          - In check mode a command that the host does not have yet is passed over.
        type: str
  secret_contents:
    description:
      - The contents of those O(files) that have none, by path. They appear in no output, no diff and no log.
      - Ansible masks these texts wherever they occur in the result, so a content of only a few letters
        also masks parts of paths.
    type: dict
    default: {}
  directories:
    description: Directories; missing parents are made too, with mode V("0755"). They are made before everything else.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: The absolute path.
        type: str
        required: true
      owner:
        description: Name or number of the owner. Left as it is when not given.
        type: str
      group:
        description: Name or number of the group. Left as it is when not given.
        type: str
      mode:
        description: Four octal digits in quotes. Left as it is when not given; a new directory gets V("0755").
        type: str
  links:
    description:
      - Symbolic links. A file in the place of a link is replaced by the link.
      - A link to C(/dev/null) in C(/etc/systemd/system) masks a unit.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: The absolute path of the link.
        type: str
        required: true
      target:
        description: What it points to; need not exist.
        type: str
        required: true
  absent:
    description: Files, links and empty directories that shall not be. A directory with content is never removed.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    description: Says what would change without changing it.
    details: Users, groups, directories and commands that do not exist yet are taken for coming.
    support: full
  diff_mode:
    description: Shows what changes or would change.
    details: All changed files come in one diff; of secret contents only the fact that they differ.
    support: full
  idempotent:
    description: When run twice, the second run changes nothing.
    support: full
"""

EXAMPLES = r"""
- name: Configure the service
  matriarch.pgcluster.config_files:
    directories:
      - {path: /etc/example, owner: root, group: example, mode: "0750"}
    files:
      - path: /etc/example/example.cfg
        content: "{{ configuration }}"
        mode: "0644"
        validate: example --check %s
      - path: /etc/example/password
        owner: example
        mode: "0400"
    secret_contents:
      /etc/example/password: "{{ example_password }}"
    links:
      - {path: /etc/systemd/system/other-example.service, target: /dev/null}
    absent:
      - /etc/example/old.cfg
  notify: Reload example
"""

RETURN = r"""
changed_paths:
  description: The paths that were or, in check mode, would be changed, in the order of the work.
  returned: success
  type: list
  elements: str
  sample: [/etc/example/example.cfg]
refusals:
  description: Every reason why nothing was changed.
  returned: failure, when the set was refused
  type: list
  elements: str
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.text.converters import to_bytes
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients import filesystem
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.command import CommandError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError, Refused
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan import file_set
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.file_set import Change, Entry, Plan

OWNED: dict[str, Any] = {
    "path": {"type": "str", "required": True},
    "owner": {"type": "str"},
    "group": {"type": "str"},
    "mode": {"type": "str"},
}
LIST_OF_DICTS: dict[str, Any] = {"type": "list", "elements": "dict", "default": []}
ARGUMENTS: dict[str, Any] = {
    "files": {**LIST_OF_DICTS, "options": {**OWNED, "content": {"type": "str"}, "validate": {"type": "str"}}},
    # A dict of contents alone: Ansible masks every value of a no_log option, and must not mask owners and modes.
    # A no_log inside the list of files would not do: the journal gets such a list as text with escaped line ends,
    # where a content of several lines is not recognised.
    "secret_contents": {"type": "dict", "default": {}, "no_log": True},
    "directories": {**LIST_OF_DICTS, "options": OWNED},
    "links": {
        **LIST_OF_DICTS,
        "options": {"path": {"type": "str", "required": True}, "target": {"type": "str", "required": True}},
    },
    "absent": {"type": "list", "elements": "str", "default": []},
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    accounts = filesystem.accounts()
    try:
        wish = entries(module.params)
        plan = planned(wish, accounts, forgiving=module.check_mode)
        refuse(list(plan.refusals) or refused_contents(plan, forgiving=module.check_mode))
        if not module.check_mode:
            for change in plan.changes:
                filesystem.apply(change)
    except MatriarchError as error:
        module.fail_json(msg=str(error), **error.details)
    module.exit_json(
        changed=bool(plan.changes),
        changed_paths=[change.entry.path for change in plan.changes],
        diff=file_set.diff(plan.changes, accounts),
    )


def entries(params: dict[str, Any]) -> list[Entry]:
    """The wish in the order of the work.

    :raises Refused: when the wish itself makes no sense.
    """
    secrets = params["secret_contents"]
    complaints = _content_complaints(params["files"], secrets)
    try:
        wish = [
            *(Entry("directory", **_owned(item)) for item in params["directories"]),
            *(_file(item, secrets) for item in params["files"]),
            *(Entry("link", item["path"], target=item["target"]) for item in params["links"]),
            *(Entry("absent", path) for path in params["absent"]),
        ]
    except ValueError as error:
        raise Refused(str(error)) from error
    refuse(complaints + file_set.objections(wish))
    return wish


def _content_complaints(files: list[dict[str, Any]], secrets: dict[str, str]) -> list[str]:
    paths = {item["path"] for item in files}
    return [
        *(f"{path}: secret_contents names no file of this set" for path in secrets if path not in paths),
        *(
            f"{item['path']}: give its content either in files or in secret_contents"
            for item in files
            if (item["content"] is None) == (item["path"] not in secrets)
        ),
    ]


def _file(item: dict[str, Any], secrets: dict[str, str]) -> Entry:
    secret = item["content"] is None
    content = to_bytes(secrets.get(item["path"], "") if secret else item["content"])
    return Entry("file", content=content, secret=secret, validate=item["validate"], **_owned(item))


def _owned(item: dict[str, Any]) -> dict[str, Any]:
    try:
        mode = None if item["mode"] is None else file_set.parse_mode(item["mode"])
    except ValueError as error:
        raise ValueError(f"{item['path']}: {error}") from error
    return {"path": item["path"], "owner": item["owner"], "group": item["group"], "mode": mode}


def planned(wish: list[Entry], accounts: file_set.Accounts, *, forgiving: bool) -> Plan:
    try:
        found = {entry.path: filesystem.find(entry) for entry in wish}
    except OSError as error:
        raise MatriarchError(f"{error.filename} cannot be read: {error.strerror}; nothing was changed") from error
    return file_set.plan(wish, found, accounts, forgiving=forgiving)


def refused_contents(plan: Plan, *, forgiving: bool) -> list[str]:
    """What the validating commands say against the new contents."""
    asked = [change for change in plan.changes if change.replaces and change.entry.validate is not None]
    return [said for said in (_objection(change, forgiving=forgiving) for change in asked) if said]


def _objection(change: Change, *, forgiving: bool) -> str | None:
    try:
        return filesystem.objection(change.entry)
    except (CommandError, OSError, ValueError) as error:
        if forgiving and isinstance(error, FileNotFoundError):
            return None
        return f"{change.entry.path}: {change.entry.validate!r} could not be run: {error}"


def refuse(refusals: list[str]) -> None:
    if refusals:
        raise Refused("Nothing was changed, because: " + "; ".join(refusals), refusals=refusals)


if __name__ == "__main__":
    main()
