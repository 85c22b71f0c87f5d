#!/usr/bin/python
# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: restore_note
version_added: 0.1.0
short_description: Keep in etcd what a restore is about, and have etcd forget the former cluster
description:
  - One note a cluster, by which any run goes on with an interrupted restore, on the host and with the backup that it
    began with.
  - Until the former cluster is stopped, another wish takes the place of the note. From then on another wish is refused.
  - Patroni's dynamic configuration is never touched.
extends_documentation_fragment:
  - matriarch.pgcluster.etcd
  - matriarch.pgcluster.tls
attributes:
  check_mode:
    description: Can run in check mode and return what it would without it.
    support: full
  diff_mode:
    description: Shows what has changed in diff mode.
    support: none
  idempotent:
    description: Running it twice in a row outside check mode changes nothing the second time.
    support: full
options:
  state:
    description:
      - V(shown) only reads.
      - V(noted) writes the note, or makes O(note) part of the one that is there.
      - V(forgotten) deletes, in one step, who led and how far, from Patroni's keys, and notes that. Refused while
        somebody leads.
      - V(absent) deletes the note.
    type: str
    choices: [shown, noted, forgotten, absent]
    default: shown
  cluster:
    description: Name of the cluster, Patroni's scope.
    type: str
    required: true
  namespace:
    description: Patroni's C(namespace), the directory of etcd below which clusters are kept.
    type: str
    default: /service/
  wish:
    description: What tells one restore from another, for O(state=noted). Empty, whatever the note says is meant.
    type: dict
    default: {}
  note:
    description: What else is to be kept, for O(state=noted).
    type: dict
    default: {}
  identity:
    description: The system identifier of the restored data, for Patroni's key C(initialize) and O(state=forgotten).
    type: str
    default: ""
author:
  - The Matriarch authors (@matriarch)
"""

EXAMPLES = r"""
- name: Note what is restored
  matriarch.pgcluster.restore_note:
    state: noted
    cluster: shop
    urls: [https://pg1:2379, https://pg2:2379, https://pg3:2379]
    wish: {target: "time:2026-12-01T02:00:00+00:00"}
    note: {worker: pg3, label: 20261130-010000F}
"""

RETURN = r"""
note:
  description: The note as it is now, null where there is none.
  returned: success
  type: dict
replaced:
  description: The note of another wish that was given up, null where there was none.
  returned: when O(state=noted)
  type: dict
initialize:
  description: The system identifier that Patroni knows, empty where it knows none.
  returned: success
  type: str
"""

import json
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.matriarch.pgcluster.plugins.module_utils.arguments import (
    CONNECTION,
    CONNECTION_REQUIRED_BY,
    connections,
)
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.etcd_keys import EtcdKeys, KeyValue
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.operation_store import Store
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.restore_note import (
    NoteState,
    changes_of,
    forgetting,
    note_key,
)


def read(store: Store, params: dict[str, Any]) -> NoteState:
    """The note, and Patroni's keys."""
    directory = f"/{params['namespace'].strip('/')}/{params['cluster']}/".replace("//", "/")
    kept: KeyValue | None = store.ask(lambda etcd: etcd.get(note_key(params["cluster"])))
    keys = store.ask(lambda etcd: etcd.last_below(directory, 1000))
    try:
        note = json.loads(kept.value) if kept else None
    except ValueError as error:
        raise MatriarchError(f"the note of a restore cannot be read: {error}") from error
    return NoteState(
        key=note_key(params["cluster"]),
        directory=directory,
        note=note,
        revision=kept.mod_revision if kept else 0,
        values={kv.key.removeprefix(directory): kv.value.decode(errors="replace") for kv in keys},
        revisions={kv.key.removeprefix(directory): kv.mod_revision for kv in keys},
    )


def run(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Read, plan, apply unless in check mode, report."""
    store = Store([EtcdKeys(http) for http in connections(params)])
    state = read(store, params)
    answer = {"initialize": state.values.get("initialize", "")}
    if params["state"] == "shown":
        return {"changed": False, "note": state.note, **answer}
    if params["state"] == "forgotten":
        change = forgetting(state, params["identity"])
    else:
        change = changes_of(state, params["state"], params["wish"], params["note"])
    if change.operations and not check_mode:
        done = store.ask(lambda etcd: etcd.transact(change.conditions, change.operations))
        if not done:
            raise MatriarchError("etcd's keys changed while they were looked at: run this again")
    return {"changed": bool(change.operations), "note": change.note, "replaced": change.replaced, **answer}


def main() -> None:
    """Run as an Ansible module."""
    module = AnsibleModule(
        argument_spec={
            **CONNECTION,
            "state": {"type": "str", "choices": ["shown", "noted", "forgotten", "absent"], "default": "shown"},
            "cluster": {"type": "str", "required": True},
            "namespace": {"type": "str", "default": "/service/"},
            "wish": {"type": "dict", "default": {}},
            "note": {"type": "dict", "default": {}},
            "identity": {"type": "str", "default": ""},
        },
        required_by=CONNECTION_REQUIRED_BY,
        required_if=[("state", "forgotten", ("identity",))],
        supports_check_mode=True,
    )
    try:
        answer = run(module.params, module.check_mode)
    except MatriarchError as error:
        module.fail_json(msg=str(error), **error.details)
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
