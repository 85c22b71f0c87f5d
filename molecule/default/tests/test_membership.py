"""A host that lost its etcd data comes back by nothing but another run of the playbook (fault C07)."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable

from integration.inventory import ROOT, Cluster, Machine
from testinfra.host import Host

Login = Callable[[Machine], Host]
TLS = "/etc/matriarch/tls"
ETCDCTL = f"etcdctl --cacert {TLS}/ca.crt --cert {TLS}/host.crt --key {TLS}/host.key --endpoints https://127.0.0.1:2379"


def test_a_wiped_etcd_member_joins_again(cluster: Cluster, login: Login) -> None:
    wiped, witness = cluster.etcd[0], cluster.etcd[1]
    before = members(login(witness))
    login(wiped).run_expect([0], "systemctl stop etcd && rm -rf /var/lib/etcd/main")
    inventories = [word for source in cluster.sources for word in ("--inventory", source)]
    run = subprocess.run(
        ["ansible-playbook", *inventories, str(ROOT / "site.yml")],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0"},
    )
    assert run.returncode == 0, run.stdout[-4000:]
    after = members(login(witness))
    assert set(after) == set(before)
    assert after[wiped.name] != before[wiped.name], "the old member's id must not vote again"
    assert login(wiped).run(f"{ETCDCTL} endpoint health").rc == 0


def members(host: Host) -> dict[str, int]:
    """Ids of the voting members by name."""
    answer = json.loads(host.check_output(f"{ETCDCTL} member list --write-out=json"))
    return {member["name"]: member["ID"] for member in answer["members"] if not member.get("isLearner")}
