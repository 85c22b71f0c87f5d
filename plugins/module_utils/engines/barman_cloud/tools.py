# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Barman's tools, run within this process: each would else load the same libraries once more, for every segment."""

from __future__ import annotations

import gzip
import importlib
import logging
import tarfile
import threading
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.barman_cloud import layout
from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.barman_cloud.bucket import ANSWER_SECONDS
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_settings import Settings

AES = "AES256"
MODULES = {"wal-archive": "walarchive", "wal-restore": "walrestore", "backup-delete": "backup_delete"}
FOR_ALL_OBJECTS = ("encryption", "sse-kms-key-id")
"""Options of the user's that do not concern base backups alone."""


def run(settings: Settings, number: int, tool: str, options: list[str], words: tuple[str, ...] = ()) -> None:
    """Run `barman-cloud-TOOL` for one repository. Raises MatriarchError; its own words are in the log by then."""
    repository = settings.repositories[number - 1]
    place = [f"--endpoint-url={layout.endpoint(repository)}", f"--read-timeout={ANSWER_SECONDS}"]
    who = ["-P", layout.profile(number)]
    said = _Words()
    logging.getLogger().addHandler(said)
    try:
        program = importlib.import_module(f"barman.clients.cloud_{MODULES.get(tool, tool)}")
        program.main([*place, *who, *options, layout.url(repository), settings.cluster, *words])
    except SystemExit as ended:
        if ended.code not in (None, 0):
            problem = said.last or f"it ended with {ended.code}"
            raise MatriarchError(f"{repository.label}: barman-cloud-{tool}: {problem}") from ended
    finally:
        logging.getLogger().removeHandler(said)


def encryption(settings: Settings, every: bool = False) -> list[str]:
    """Options for what writes: how the storage shall encrypt; for a base backup (`every`) all that the user gave."""
    default = {"encryption": AES} if settings.encrypted else {}
    given = {name: value for name, value in settings.engine_options.items() if every or name in FOR_ALL_OBJECTS}
    return [f"--{name}={value}" for name, value in {**default, **given}.items()]


def check_tarballs() -> None:
    """Have a restore look at gzip's checksum, which Barman's own way of reading does not."""
    from barman.cloud_providers.aws_s3 import S3CloudInterface

    S3CloudInterface.extract_tar = _extract


def _extract(cloud: Any, key: str, directory: str) -> None:
    with gzip.GzipFile(fileobj=cloud.remote_open(key)) as plain:
        with tarfile.open(fileobj=plain, mode="r|") as archive:
            if hasattr(tarfile, "tar_filter"):  # nothing lands outside of the directory, and modes stay
                archive.extraction_filter = tarfile.tar_filter
            archive.extractall(directory)
        while plain.read(2**20):  # the checksum stands at the very end
            pass


class _Words(logging.Handler):
    """The last error that was logged by this thread."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.last = ""
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.last = record.getMessage()
