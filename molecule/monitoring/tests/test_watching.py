"""Everybody is asked and answers, nobody else is answered, and what the rules ask for is there."""

from __future__ import annotations

import re
import subprocess
import time
from collections import Counter

import pytest
import yaml
from integration.inventory import Cluster
from integration.operations import play
from integration.prometheus import HOST, Prometheus
from lab import Lab

EXPECTED = {
    "node": 4,
    "postgres": 3,
    "patroni": 3,
    "etcd": 3,
    "haproxy": 3,
    "pgbouncer": 6,
    "prometheus": 1,
    "alertmanager": 1,
}
OF_POOLERS = (9127, 9128)  # the ports of their exporters
# Series that only something unusual brings about.
ABSENT = re.compile(r"matriarch_backup_|matriarch_clock_")
RULES = ("alerts.yml", "records.yml")
NAME = re.compile(r"\b((?:matriarch|patroni|etcd|haproxy|pgbouncer|node|pg)_\w+)\b(?!\s*[(=])")


def test_every_target_is_up(prometheus: Prometheus, poolers_tell: bool) -> None:
    prometheus.wait("every target is up", 60, lambda: not prometheus.query("up == 0"))
    expected = {job: count for job, count in EXPECTED.items() if poolers_tell or job != "pgbouncer"}
    assert Counter(each["metric"]["job"] for each in prometheus.query("up")) == expected


def test_everything_says_whose_it_is(prometheus: Prometheus) -> None:
    assert prometheus.query('count({__name__=~".+", cluster=""}) or count({job=~".+", member=""})') == []


def test_nothing_is_told_while_all_is_well(prometheus: Prometheus, cluster: Cluster) -> None:
    prometheus.wait("no alert fires", 90, lambda: not set(prometheus.firing()) - known_of_this_machine(prometheus))
    assert cluster


def known_of_this_machine(prometheus: Prometheus) -> set[str]:
    """Hosts of the lab share the machine's clock, which may have nobody who keeps it."""
    return {"MatriarchClockFree"} if prometheus.query("matriarch_clock_synchronized == 0") else set()


def test_every_metric_of_the_rules_is_known(prometheus: Prometheus, lab: Lab, poolers_tell: bool) -> None:
    known = prometheus.names()
    missing = set()
    for name in RULES:
        text = lab.execute(HOST, "cat", f"/etc/prometheus/matriarch/{name}").stdout
        for group in yaml.safe_load(text)["groups"]:
            for rule in group["rules"]:
                missing |= {found for found in NAME.findall(rule["expr"]) if found not in known}
    absent = {name for name in missing if ABSENT.match(name) or (name.startswith("pgbouncer_") and not poolers_tell)}
    assert missing - absent == set()


def test_every_rule_is_healthy(prometheus: Prometheus) -> None:
    rules = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]
    assert rules
    assert [rule["name"] for rule in rules if rule["health"] != "ok"] == []


def test_users_of_cloudnativepg_get_answers(prometheus: Prometheus) -> None:
    assert {each["metric"]["pod"] for each in prometheus.query("cnpg_pg_replication_lag")} == {"db1", "db2", "db3"}
    assert prometheus.value("sum(cnpg_backends_total)") > 0
    assert prometheus.value("sum(rate(cnpg_pg_stat_database_xact_commit[1m]))") > 0


@pytest.mark.parametrize("port", [9100, 9187, *OF_POOLERS, 8405])
def test_nobody_without_a_certificate_is_told(port: int, cluster: Cluster, poolers_tell: bool) -> None:
    if port in OF_POOLERS and not poolers_tell:
        pytest.skip("nobody listens there")
    command = ["openssl", "s_client", "-connect", f"{cluster.postgres[0].address}:{port}", "-CAfile", str(cluster.ca)]
    request = "GET /metrics HTTP/1.0\r\n\r\n"
    said = subprocess.run([*command, "-quiet"], input=request, capture_output=True, text=True, check=False, timeout=20)
    # Programs of before Go 1.21 have one word for all certificates that they do not want.
    assert re.search("certificate required|alert bad certificate", said.stderr), said.stderr
    assert "# HELP" not in said.stdout


def test_the_login_can_only_look(lab: Lab) -> None:
    ask = ["runuser", "-u", "prometheus", "--", "psql", "-XqAt", "-U", "matriarch_monitor", "-d", "postgres", "-c"]
    assert lab.execute("db1", *ask, "SELECT pg_has_role('pg_monitor', 'usage')").stdout.strip() == "t"
    refused = lab.execute("db1", *ask, "SELECT * FROM pg_authid")
    assert "permission denied" in refused.stdout + refused.stderr
    other = lab.execute("db1", "runuser", "-u", "nobody", "--", *ask[4:], "SELECT 1")
    assert "Peer authentication failed" in other.stdout + other.stderr


def test_no_exporter_has_a_password(lab: Lab) -> None:
    units = "/etc/systemd/system/*exporter*.service"
    assert lab.execute("db1", "sh", "-c", f"grep -il password= {units}; true").stdout == ""


def test_alertmanager_is_told(prometheus: Prometheus) -> None:
    managers = prometheus.get("alertmanagers")
    assert [each["url"] for each in managers["activeAlertmanagers"]] == ["http://127.0.0.1:9093/api/v2/alerts"]


def test_a_check_run_announces_nothing_on_any_host(cluster: Cluster) -> None:
    done = play(cluster, "site", check=True)
    assert done.ok, done.tail
    assert done.changes == []


def test_a_check_run_announces_what_is_declared_anew(cluster: Cluster) -> None:
    done = play(cluster, "site", check=True, monitoring_ports={"node": 9101}, monitoring_thresholds={"lag_seconds": 77})
    assert done.ok, done.tail
    assert {task.rpartition(" : ")[2] for task in done.changes} == {
        "Configure the exporters",
        "Configure Prometheus and Alertmanager",
    }


def test_the_authority_is_replaced_and_nobody_goes_unwatched(prometheus: Prometheus, cluster: Cluster) -> None:
    """etcd alone may miss a scrape: it is restarted for each other set of authorities."""
    began = time.time()
    for step in ("trust", "issue", "forget"):
        done = play(cluster, "renew_authority", step=step)
        assert done.ok, done.tail
    missed = prometheus.query(f"min_over_time(up[{time.time() - began:.0f}s]) == 0")
    assert {each["metric"]["job"] for each in missed} <= {"etcd"}, missed
