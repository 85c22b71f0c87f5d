# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything in a repository is read, decompressed and compared with gzip's checksum.

Of WAL the first page tells in addition whose it is and which segment; of a backup the list of its files. Whether the
pages of a backup's files are sound is not looked at: a copy of a running cluster has torn ones, which its WAL mends.
"""

from __future__ import annotations

import gzip
import struct
import tarfile
import zlib
from collections.abc import Iterator

from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.barman_cloud import layout
from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.barman_cloud.base import notes
from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.barman_cloud.bucket import Bucket
from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.barman_cloud.catalog import DONE
from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.barman_cloud.wal import plain
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.wal import SEGMENT_BYTES, Segment

FIRST_PAGE = struct.Struct("<HHIQIxxxxQII")
"""XLogLongPageHeaderData: magic, flags, timeline, position, length of a rest; system, sizes of segment and page."""

LONG = 0x0002
NEEDED = frozenset({"backup_label", "global/pg_control", "PG_VERSION"})


def problems(bucket: Bucket, system: str) -> Iterator[str]:
    """What is bad, a sentence each. Raises MatriarchError where the repository cannot be read at all."""
    objects = list(bucket.objects())
    for each in objects:
        name = each.key.rpartition("/")[2]
        if each.key.startswith("wals/") and name.endswith(layout.SUFFIX):
            yield from _of_wal(bucket, each.key, name.removesuffix(layout.SUFFIX), system)
    for label, note in notes(bucket).items():
        if note.get("status") == DONE:
            tarballs = sorted(each.key for each in objects if _is_tarball_of(each.key, label))
            yield from _of_backup(bucket, label, tarballs)


def _of_wal(bucket: Bucket, key: str, name: str, system: str) -> Iterator[str]:
    try:
        content = plain(bucket, key)
    except MatriarchError as error:
        yield str(error)
        return
    if layout.SEGMENT.match(name + layout.SUFFIX) and (problem := wrong(content, Segment.parse(name), system)):
        yield f"{bucket.label}: {key} {problem}"


def wrong(content: bytes, segment: Segment, system: str) -> str:
    """Why this is not that segment of that cluster; empty where it is."""
    if len(content) != SEGMENT_BYTES:
        return f"has {len(content)} bytes, and a segment {SEGMENT_BYTES}"
    _magic, flags, _timeline, position, _rest, whose, size, _page = FIRST_PAGE.unpack_from(content)
    if not flags & LONG or size != SEGMENT_BYTES:
        return "does not begin as a segment does"
    if position != segment.number * SEGMENT_BYTES:
        return "holds another segment"
    return f"is of another PostgreSQL ({whose})" if system and str(whose) != system else ""


def _is_tarball_of(key: str, label: str) -> bool:
    return layout.backup_of(key) == label and layout.TARBALL.match(key.rpartition("/")[2]) is not None


def _of_backup(bucket: Bucket, label: str, tarballs: list[str]) -> Iterator[str]:
    names: set[str] = set()
    for key in tarballs:
        try:
            names |= members(bucket, key)
        except MatriarchError as error:
            yield str(error)
            return
        except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
            yield f"{bucket.label}: {key} is damaged: {error}"
            return
    if lacking := sorted(NEEDED - names):
        yield f"{bucket.label}: the backup {label} lacks {', '.join(lacking)}"


def members(bucket: Bucket, key: str) -> set[str]:
    """The files of a tarball, all of which is read. Raises as gzip and tarfile do where it is damaged."""
    with gzip.GzipFile(mode="rb", fileobj=bucket.open(key)) as content:
        with tarfile.open(fileobj=content, mode="r|") as archive:
            names = {each.name.removeprefix("./") for each in archive}
        while content.read(2**20):  # the checksum stands at the very end
            pass
    return names
