"""What differs between backup engines, as a test sees it from outside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Engine:
    """`kinds`: the backups that it makes, the cheapest last. `archive`: the folder of its WAL in the bucket.

    `working`: a pattern for pgrep that finds it while it makes a backup, and not the shell that asks. `configuration`:
    the file that another passphrase would change. `broken`: what to do to which file so that nothing can be read.
    """

    name: str
    kinds: tuple[str, ...]
    encrypts: bool
    archive: str
    working: str
    configuration: str
    broken: Mapping[str, tuple[str, str]] = field(default_factory=dict)


PGBACKREST = "/etc/pgbackrest/pgbackrest.conf"
BARMAN = "/etc/matriarch/barman"

ENGINES = {
    each.name: each
    for each in (
        Engine(
            name="pgbackrest",
            kinds=("full", "incremental", "differential"),
            encrypts=True,
            archive="main/archive/main/17-1",
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
            archive="main/main/wals",
            working="[m]atriarch-barman.* take",
            configuration=f"{BARMAN}/settings.json",
            broken={
                "key": (f"{BARMAN}/credentials", "s/secret_access_key = .*/secret_access_key = wrong/"),
                "bucket": (f"{BARMAN}/settings.json", 's/"bucket": .*/"bucket": "nowhere",/'),
            },
        ),
    )
}
