# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest
from lab import LabError, host, subnet
from lab.folders import Folders
from lab.host import Host, Record
from lab.place import Place
from lab.subnet import Subnet

NET = Subnet(7)


def make(folder: Path, name: str, octet: int) -> Host:
    made = Host(name, folder / name, NET, Record(octet, "trixie", "/cache/trixie/image-1", "cached"))
    host.save(made)
    return made


def test_a_name_always_gets_the_same_network() -> None:
    assert subnet.choose("demo", set()) == subnet.choose("demo", set())
    assert 1 <= subnet.choose("demo", set()) <= 254


def test_a_taken_network_is_left_alone() -> None:
    first = subnet.choose("demo", set())
    assert subnet.choose("demo", {first}) == first % 254 + 1


def test_the_last_free_network_is_found() -> None:
    assert subnet.choose("demo", set(range(1, 255)) - {200}) == 200


def test_no_free_network_is_an_error() -> None:
    with pytest.raises(LabError, match="all 254 networks"):
        subnet.choose("demo", set(range(1, 255)))


def test_every_interface_name_is_short_enough() -> None:
    longest = Host("a" * 63, Path(), Subnet(254), Record(250, "trixie", "", "none"))
    assert max(map(len, [longest.port, longest.relayed_port, f"{longest.subnet.bridge}i999"])) <= 15


def test_hosts_of_two_labs_have_different_ports() -> None:
    record = Record(11, "trixie", "", "none")
    assert Host("db1", Path(), Subnet(1), record).port != Host("db1", Path(), Subnet(2), record).port


@pytest.mark.parametrize("name", ["", "-a", "a-", "Db1", "1db", "a_b", "../a", "a" * 64])
def test_bad_names_are_refused(name: str) -> None:
    with pytest.raises(LabError, match="host name"):
        host.check_name("host", name)


def test_hosts_are_read_back_in_the_order_of_their_addresses(tmp_path: Path) -> None:
    later, sooner = make(tmp_path, "a", 12), make(tmp_path, "b", 11)
    assert host.load_all(tmp_path, NET) == [sooner, later]
    assert sooner.address == "10.77.7.11"


def test_a_gap_among_the_addresses_is_filled(tmp_path: Path) -> None:
    assert host.free_octet([make(tmp_path, "a", 11), make(tmp_path, "c", 13)]) == 12


def test_an_unknown_host_is_named_beside_the_known(tmp_path: Path) -> None:
    place = Place("demo", Folders(tmp_path, tmp_path))
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / subnet.RECORD).write_text('{"subnet": 7}')
    make(place.folder, "db1", 11)
    with pytest.raises(LabError, match="no host db9, it has db1"):
        place.some("db1", "db9")


def test_a_lab_that_is_not_there_has_no_hosts(tmp_path: Path) -> None:
    assert Place("demo", Folders(tmp_path, tmp_path)).hosts() == []
