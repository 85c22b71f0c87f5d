"""What differs between backup engines, as a test sees it from outside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Engine:
    """`kinds`: the backups that it makes, the cheapest last.

    `archive`, `backups`: the folders of WAL and of backups in the bucket, for {cluster}.
    `working`: a pattern for pgrep that finds it while it makes a backup, and not the shell that asks. `configuration`:
    the file that another passphrase would change. `broken`: what to do to which file so that nothing can be read.
    """

    name: str
    kinds: tuple[str, ...]
    encrypts: bool
    archive: str
    backups: str
    working: str
    configuration: str
    broken: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def archive_of(self, cluster: str) -> str:
        return self.archive.format(cluster=cluster)

    def backups_of(self, cluster: str) -> str:
        return self.backups.format(cluster=cluster)


PGBACKREST = "/etc/pgbackrest/pgbackrest.conf"
BARMAN = "/etc/matriarch/barman"

ENGINES = {
    each.name: each
    for each in (
        Engine(
            name="pgbackrest",
            kinds=("full", "incremental", "differential"),
            encrypts=True,
            archive="{cluster}/archive/{cluster}/17-1",
            backups="{cluster}/backup/{cluster}",
            working="[p]gbackrest.* backup",
            configuration=PGBACKREST,
            broken={
                "key": (PGBACKREST, "s/cipher-pass=.*/cipher-pass=wrong/"),
                "bucket": (PGBACKREST, "s/s3-bucket=.*/s3-bucket=nowhere/"),
            },
        ),
        Engine(
            name="barman_cloud",
            kinds=("full",),
            encrypts=False,
            archive="{cluster}/{cluster}/wals",
            backups="{cluster}/{cluster}/base",
            working="[m]atriarch-barman.* take",
            configuration=f"{BARMAN}/settings.json",
            broken={
                "key": (f"{BARMAN}/credentials", "s/secret_access_key = .*/secret_access_key = wrong/"),
                "bucket": (f"{BARMAN}/settings.json", 's/"bucket": .*/"bucket": "nowhere",/'),
            },
        ),
    )
}
