# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One repository's bucket, asked with the library that Barman itself uses: keys and certificates are the same."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.engines.barman_cloud import layout
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_settings import Settings

CONNECT_SECONDS = 5
ANSWER_SECONDS = 60


@dataclass(frozen=True)
class Object:
    """An object, by its name below the prefix; `at` is when it came there, in seconds since 1970."""

    key: str
    size: int
    at: float


class Body(io.RawIOBase):
    """A file to read from. What breaks off raises MatriarchError."""

    def __init__(self, bucket: Bucket, stream: Any) -> None:
        super().__init__()
        self._bucket, self._stream = bucket, stream

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """The next bytes, all of them without a size."""
        with self._bucket.words():
            content: bytes = self._stream.read(size if size >= 0 else None)
        return content


class Bucket:
    """Every method raises MatriarchError with the storage's words. Keys are below the cluster's prefix."""

    def __init__(self, settings: Settings, number: int) -> None:
        self.repository = settings.repositories[number - 1]
        self.label = self.repository.label
        self._prefix = layout.prefix(self.repository, settings.cluster)
        with self.words():
            # Not above, for it takes its time to load, and most turns of an archiver that is behind need none of it.
            import boto3
            from botocore.config import Config

            self._client = boto3.Session(profile_name=layout.profile(number)).client(
                "s3",
                endpoint_url=layout.endpoint(self.repository),
                config=Config(connect_timeout=CONNECT_SECONDS, read_timeout=ANSWER_SECONDS),
            )

    def objects(self, below: str = "") -> Iterator[Object]:
        """All objects whose names begin so. A bucket that does not exist is an error."""
        with self.words():
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self.repository.bucket, Prefix=self._prefix + below
            )
            for page in pages:
                for each in page.get("Contents", ()):
                    key = each["Key"].removeprefix(self._prefix)
                    yield Object(key, each["Size"], each["LastModified"].timestamp())

    def holds(self, key: str) -> bool:
        """Whether there is such an object."""
        return any(each.key == key for each in self.objects(key))

    def open(self, key: str) -> Body:
        """An object's content, to be read as it comes."""
        with self.words():
            return Body(self, self._client.get_object(Bucket=self.repository.bucket, Key=self._prefix + key)["Body"])

    def read(self, key: str) -> bytes:
        """An object's content."""
        return self.open(key).read()

    def write(self, key: str, content: bytes, **how: str) -> None:
        """Make an object; `how` in AWS's words."""
        with self.words():
            self._client.put_object(Bucket=self.repository.bucket, Key=self._prefix + key, Body=content, **how)

    def encryption(self, key: str) -> str:
        """How the storage says that it has encrypted an object; empty where it has not."""
        with self.words():
            told = self._client.head_object(Bucket=self.repository.bucket, Key=self._prefix + key)
        return str(told.get("ServerSideEncryption") or "")

    @contextmanager
    def words(self) -> Iterator[None]:
        """What goes wrong within is told as a MatriarchError."""
        try:
            from botocore.exceptions import BotoCoreError, ClientError
        except ImportError as error:
            raise MatriarchError(f"{error}; install barman-cli-cloud") from error
        try:
            yield
        except (BotoCoreError, ClientError) as error:
            raise MatriarchError(f"{self.label}: {error}") from error
