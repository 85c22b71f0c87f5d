# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a member that makes a backup asks of the leader."""

from __future__ import annotations

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.backup_settings import Settings

SECONDS = 5
END = "SELECT pg_switch_wal() WHERE pg_walfile_name(pg_current_wal_insert_lsn()) <= %s"
"""Once is enough: what was written since is none of the backup's."""


def end_segment(settings: Settings, address: str, segment: str) -> str:
    """Have the leader begin a new segment if it still writes this one; why it would not, empty where it did."""
    import psycopg2  # it comes with Barman; only hosts have it

    try:
        connection = psycopg2.connect(
            host=address,
            port=settings.postgres_port,
            dbname="postgres",
            user=settings.member_login,
            sslmode="verify-full",
            sslrootcert=settings.ca_file,
            sslcert=settings.certificate_file,
            sslkey=settings.key_file,
            connect_timeout=SECONDS,
            options=f"-c statement_timeout={SECONDS * 1000}",
        )
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(END, (segment,))
        finally:
            connection.close()
    except psycopg2.Error as error:
        return f"{address}: {str(error).strip()}"
    return ""
