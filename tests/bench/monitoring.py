"""What being watched costs: CPU time of the exporters on hosts that run: `monitoring.py LAB [MINUTES] [HOST...]`.

It reads the cgroups of the exporters' units twice, prints the share of a core of each, and asserts nothing. What etcd,
Patroni, HAProxy and PostgreSQL themselves spend on answering is not in it.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lab import Lab

UNITS = (
    "prometheus-node-exporter.service",
    "prometheus-postgres-exporter.service",
    "matriarch-pgbouncer-exporter@rw.service",
    "matriarch-pgbouncer-exporter@ro.service",
    "prometheus.service",
    "prometheus-alertmanager.service",
)
EACH_MINUTE = "matriarch-metrics.service"


def spent(lab: Lab, host: str, *units: str) -> dict[str, float]:
    """CPU seconds of each unit that the host has, since it was last started."""
    found = {}
    for unit in units:
        told = lab.execute(host, "systemctl", "show", "--property=LoadState,CPUUsageNSec", unit).stdout
        facts = dict(line.partition("=")[::2] for line in told.splitlines())
        if facts.get("LoadState") == "loaded" and facts.get("CPUUsageNSec", "").isdecimal():
            found[unit] = int(facts["CPUUsageNSec"]) / 1e9
    return found


def main(name: str, minutes: str = "3", *hosts: str) -> None:
    lab = Lab(name)
    chosen = hosts or tuple(entry.name for entry in lab.status())
    began = time.monotonic()
    before = {host: spent(lab, host, *UNITS) for host in chosen}
    time.sleep(float(minutes) * 60)
    lasted = time.monotonic() - began
    for host in chosen:
        after = spent(lab, host, *UNITS)
        shares = {unit: 100 * (after[unit] - before[host].get(unit, 0)) / lasted for unit in after}
        shares |= {unit: 100 * run / 60 for unit, run in spent(lab, host, EACH_MINUTE).items()}
        print(f"{host}: {sum(shares.values()):.2f} % of a core, over {lasted:.0f} s")
        for unit, share in shares.items():
            print(f"  {share:6.2f} %  {unit}")


if __name__ == "__main__":
    main(*sys.argv[1:])
