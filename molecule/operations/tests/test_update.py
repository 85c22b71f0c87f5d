"""A package of our own that is newer in a repository of our own: an update that really installs something."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from integration.inventory import Cluster, Machine
from integration.load import Load
from integration.operations import WHOLE_SECONDS, is_whole, play, standing, start, started, thorough
from integration.watch import Connect, eventually
from testinfra.host import Host

Login = Callable[[Machine], Host]
# By its name Patroni is restarted after it, as after Patroni's own.
PACKAGE = "patroni-of-a-test"
# Its second version is installed for as long as that exists.
SLOWLY = "/run/patroni-of-a-test.slowly"
REPOSITORY = "/srv/patroni-of-a-test"
SOURCE = "/etc/apt/sources.list.d/patroni-of-a-test.list"
MAKE = f"""
set -e
for version in 1 2; do
    made={REPOSITORY}/$version
    mkdir -p $made/DEBIAN
    {{
        echo 'Package: {PACKAGE}'
        echo "Version: $version"
        echo 'Architecture: all'
        echo 'Maintainer: nobody <nobody@example.org>'
        echo 'Description: a test'
    }} > $made/DEBIAN/control
    if [ $version = 2 ]; then
        printf '#!/bin/sh\\ntouch {SLOWLY}.begun\\nwhile [ -e {SLOWLY} ]; do sleep 0.2; done\\n' > $made/DEBIAN/postinst
        chmod 755 $made/DEBIAN/postinst
    fi
    dpkg-deb --root-owner-group -b $made {REPOSITORY}/$version.deb
done
cd {REPOSITORY}
{{
    cat 2/DEBIAN/control
    echo "Filename: ./2.deb"
    echo "Size: $(stat -c %s 2.deb)"
    echo "SHA256: $(sha256sum < 2.deb | cut -d' ' -f1)"
}} > Packages
echo 'deb [trusted=yes] file:{REPOSITORY} ./' > {SOURCE}
dpkg -i 1.deb
"""
UNMAKE = f"rm -rf {REPOSITORY} {SOURCE} {SLOWLY} {SLOWLY}.begun; dpkg --purge {PACKAGE}"
INSTALLED_SECONDS = 240
SOON = 20  # seconds that it waits for a leader who does not come back

pytestmark = [pytest.mark.usefixtures("whole"), thorough]


@pytest.fixture
def outdated(cluster: Cluster, login: Login) -> Iterator[dict[str, Any]]:
    """What the playbook is told, so that it updates that package alone."""
    for machine in cluster.postgres:
        login(machine).check_output(MAKE)
    yield {"rolling_packages": [PACKAGE]}
    for machine in cluster.postgres:
        login(machine).run(UNMAKE)


def versions(cluster: Cluster, login: Login) -> set[str]:
    return {login(m).check_output(f"dpkg-query -W -f '${{Version}}' {PACKAGE}") for m in cluster.postgres}


def test_newer_packages_are_installed_and_in_use(
    connect: Connect, cluster: Cluster, login: Login, database: str, outdated: dict[str, Any]
) -> None:
    before = started(connect, cluster)
    with Load(connect, cluster, database) as load:
        outcome = play(cluster, "rolling_update", **outdated)
        assert outcome.ok, outcome.tail
    assert (load.lost(), load.errors) == (set(), []), load
    assert versions(cluster, login) == {"2"}
    assert [name for name, since in started(connect, cluster).items() if since == before[name]] == []
    assert play(cluster, "rolling_update", check=True, **outdated).report["result"]["steps"] == []


@pytest.mark.parametrize(
    ("happens", "told"),
    [
        ("systemctl stop patroni", f"waited {SOON} s in vain until the cluster is healthy: {{leads}} is not a member"),
        (
            "patronictl -c /etc/patroni/config.yml switchover --force --leader {leads} --candidate {in_turn}",
            "{in_turn} has its newer packages, and nothing of it was restarted: ",
        ),
    ],
    ids=["the leader dies", "leadership moves there"],
)
def test_what_happens_during_the_installing_keeps_the_host_from_being_restarted(
    connect: Connect, cluster: Cluster, login: Login, outdated: dict[str, Any], happens: str, told: str
) -> None:
    leads, _timeline = standing(connect, cluster)
    for machine in cluster.postgres:
        login(machine).check_output(f"touch {SLOWLY}")
    before = started(connect, cluster)
    with start(cluster, "rolling_update", rolling_return_timeout=SOON, **outdated) as run:
        eventually("a host installs", INSTALLED_SECONDS, lambda: any(installs(login, m) for m in cluster.postgres))
        in_turn = next(machine for machine in cluster.postgres if installs(login, machine))
        assert in_turn != leads
        login(leads).check_output(happens.format(leads=leads.name, in_turn=in_turn.name))
        for machine in cluster.postgres:
            login(machine).check_output(f"rm {SLOWLY}")
        stopped = run.finish()
    assert not stopped.ok
    assert told.format(leads=leads.name, in_turn=in_turn.name) in stopped.said, stopped.tail
    login(leads).check_output("systemctl start patroni")
    eventually("the cluster is whole", WHOLE_SECONDS, lambda: is_whole(cluster))
    assert started(connect, cluster)[in_turn.name] == before[in_turn.name]
    rest = play(cluster, "rolling_update", **outdated)
    assert rest.ok, rest.tail
    assert versions(cluster, login) == {"2"}
    assert [name for name, since in started(connect, cluster).items() if since == before[name]] == []


def installs(login: Login, machine: Machine) -> bool:
    return bool(login(machine).file(f"{SLOWLY}.begun").exists)
