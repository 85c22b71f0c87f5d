# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from lab.apt import Archive, choose_archive, choose_leniencies, parse_targets, sources

MAIN = "http://archive.test/debian/"
SECURITY = "http://archive.test/debian-security/"


def test_debians_archives_are_found_among_others() -> None:
    targets = parse_targets(
        "\n".join(
            [
                "https://vendor.test/apt/|nodistro|main|Vendor",
                "https://vendor.test/other/|bookworm|main|Vendor",
                f"{MAIN}|bookworm|main|Debian",
                f"{MAIN}|bookworm-updates|main|Debian",
                f"{SECURITY}|bookworm-security|main|Debian",
            ]
        )
    )
    assert choose_archive(targets) == Archive(MAIN, SECURITY)


def test_archives_are_found_before_the_first_apt_get_update() -> None:
    targets = parse_targets(f"{MAIN}|trixie|main|\n{MAIN}|trixie-updates|main|\n{SECURITY}|trixie-security|main|")
    assert choose_archive(targets) == Archive(MAIN, SECURITY)


def test_a_machine_without_security_archive_is_served() -> None:
    assert choose_archive(parse_targets(f"{MAIN}|trixie|main|Debian")) == Archive(MAIN, None)


def test_no_debian_archive_is_no_archive() -> None:
    assert choose_archive(parse_targets("https://vendor.test/apt/|stable|main|Vendor")) is None


def test_stable_suites_have_updates_backports_and_security() -> None:
    assert sources("trixie", Archive(MAIN, SECURITY)) == [
        f"deb {MAIN} trixie main",
        f"deb {MAIN} trixie-updates main",
        f"deb {MAIN} trixie-backports main",
        f"deb {SECURITY} trixie-security main",
    ]


def test_forky_has_main_alone() -> None:
    assert sources("forky", Archive(MAIN, SECURITY)) == [f"deb {MAIN} forky main"]


def test_leniencies_are_taken_over_and_nothing_else() -> None:
    dump = "\n".join(
        [
            'Acquire "";',
            'Acquire::Check-Valid-Until "false";',
            'Acquire::http "";',
            'Acquire::http::Proxy "http://proxy.test:3128";',
            'Acquire::GzipIndexes "true";',
            'Acquire::Languages:: "none";',
        ]
    )
    assert choose_leniencies(dump) == [
        'Acquire::Check-Valid-Until "false";',
        'Acquire::http::Proxy "http://proxy.test:3128";',
    ]
