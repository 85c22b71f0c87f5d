# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Users, databases and what is in them, read and changed on this host's PostgreSQL as its superuser."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from types import TracebackType
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients import objects_catalog as catalog
from ansible_collections.matriarch.pgcluster.plugins.module_utils.clients.objects_statements import statements
from ansible_collections.matriarch.pgcluster.plugins.module_utils.errors import MatriarchError, RemoteError
from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.objects import INSIDE, Fact, Found
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.objects import Step
from ansible_collections.matriarch.pgcluster.plugins.module_utils.plan.objects_words import named, quoted

try:
    import psycopg
    from psycopg.sql import SQL, Identifier
except ImportError:  # told when it is needed, so that documentation tools can load this file without it
    psycopg = None  # type: ignore[assignment]

# A verifier is nobody's business: not in the server's log, not even of a statement that failed, nor in the views of
# activity and statements. What belongs to an extension that is not loaded is a setting all the same, of no effect.
QUIET = {
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_min_duration_sample": "-1",
    "log_transaction_sample_rate": "0",
    "log_duration": "off",
    "log_min_error_statement": "panic",
    "track_activities": "off",
    "pg_stat_statements.track_utility": "off",
    "pgaudit.log": "none",
    "auto_explain.log_min_duration": "-1",
    # What is declared for a database holds for its clients, not for who makes it.
    "default_transaction_read_only": "off",
    "idle_in_transaction_session_timeout": "0",
    "role": "none",
    "statement_timeout": "0",
    # Whoever waits for a lock makes others wait behind.
    "lock_timeout": "10s",
    "client_encoding": "UTF8",
    "search_path": "pg_catalog",
}
MUTEX = 7_270_611_014  # of nobody else: two runs at a time would undo each other's work

# What a server says that stops, starts or follows: https://www.postgresql.org/docs/current/errcodes-appendix.html
AWAY = ("57P01", "57P02", "57P03", "25006")
TRACES = """
    SELECT DISTINCT coalesce(d.datname, current_database()) FROM pg_shdepend AS s
    JOIN pg_roles AS r ON r.oid = s.refobjid LEFT JOIN pg_database AS d ON d.oid = s.dbid
    WHERE s.refclassid = 'pg_authid'::regclass AND r.rolname = %s
        AND (s.deptype = 'a' OR s.classid = 'pg_default_acl'::regclass)
"""


class LeaderGone(RemoteError):
    """PostgreSQL here stops, starts, follows or does not answer: somebody else may lead."""


class ObjectsSql(AbstractContextManager["ObjectsSql"]):
    """Connections over the unix socket, one database at a time. Raises RemoteError and LeaderGone."""

    def __init__(self, socket_directory: str, port: int) -> None:
        if psycopg is None:
            raise MatriarchError("the Python library psycopg (3.1 or newer) is missing; install python3-psycopg")
        self._where = f"PostgreSQL in {socket_directory}, port {port}"
        self._target: dict[str, Any] = {
            "host": socket_directory,
            "port": port,
            "user": "postgres",
            "connect_timeout": 5,
        }
        self._main = self._connected("postgres")
        if self._ask("SELECT pg_is_in_recovery()")[0][0]:
            self._main.close()
            raise LeaderGone(f"{self._where} is a replica", reason="it is a replica")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._main.close()

    def lock(self) -> None:
        """Keep other runs away for as long as this connection lives; one that is at work is waited for."""
        self._ask("SET lock_timeout TO 0")
        self._ask("SELECT pg_advisory_lock(%s)", [MUTEX])
        self._ask(SQL("SET lock_timeout TO {}").format(QUIET["lock_timeout"]))

    def found(self, wanted: Collection[Fact]) -> Found:
        """The whole cluster's facts, and those of the databases that exist and of which some are wanted."""
        facts = dict(catalog.cluster_facts(self._ask))
        for database in sorted({fact.database for fact in wanted if fact.kind in INSIDE}):
            if Fact("database", database) in facts:
                with self._at(database) as ask:
                    inner = [fact for fact in wanted if fact.database == database]
                    facts.update(catalog.inner_facts(ask, database, inner))
        return Found(
            facts=facts,
            owned=self._owned([fact.name for fact in wanted if fact.kind == "role"]),
            loaded=frozenset(name.strip() for name in self._ask(catalog.LOADED)[0][0].split(",")),
            available=frozenset(name for (name,) in self._ask(catalog.AVAILABLE)),
        )

    def do(self, steps: Sequence[Step]) -> None:
        """Take steps that belong together: all of the same place, in one transaction, or a single one without."""
        first = steps[0]
        if first.drops and first.fact.kind == "role":
            self._forget(first.fact.name)
        with self._at(first.place) as ask, self._transaction(first, ask):
            for step in steps:
                for statement in statements(ask, step.fact, step.before, step.after):
                    ask(statement, about=named(step.fact))

    @contextmanager
    def _transaction(self, first: Step, ask: catalog.Ask) -> Iterator[None]:
        if first.stands_alone:
            yield
            return
        ask("BEGIN")
        try:
            yield
        except RemoteError as error:
            if not isinstance(error, LeaderGone):
                ask("ROLLBACK")
            raise
        ask("COMMIT")

    def _owned(self, roles: list[str]) -> dict[str, dict[str, int]]:
        owned: dict[str, dict[str, int]] = {}
        for role, database, count in self._ask(catalog.OWNED, [roles]):
            owned.setdefault(role, {})[database] = count
        return owned

    def _forget(self, role: str) -> None:
        """Take back what a role that owns nothing was granted. It cannot log in any more, so that this stays true."""
        self._ask(SQL("ALTER ROLE {} NOLOGIN").format(Identifier(role)))
        if owned := self._owned([role]):
            raise RemoteError(f"the user {quoted(role)} owns something since it was looked at: {owned}")
        for (database,) in self._ask(TRACES, [role]):
            with self._at(database) as ask:
                ask(SQL("DROP OWNED BY {}").format(Identifier(role)))

    @contextmanager
    def _at(self, database: str) -> Iterator[catalog.Ask]:
        """Ask in that database; in the one of administration where it is empty."""
        if not database:
            yield self._ask
            return
        connection = self._connected(database)
        try:
            yield lambda *told, **options: self._told(connection, *told, **options)
        finally:
            connection.close()

    def _connected(self, database: str) -> Any:
        options = " ".join(f"-c {name}={value}" for name, value in QUIET.items())
        try:
            return psycopg.connect(
                **self._target, dbname=database, autocommit=True, prepare_threshold=None, options=options
            )
        except psycopg.Error as error:
            text = str(error).strip()
            # A server that refuses a database has said why; one that is away has not, or says that it starts or stops.
            kind = RemoteError if "FATAL:" in text and "the database system is" not in text else LeaderGone
            raise kind(f"connecting to {self._where}: {text}", reason=text) from error

    def _ask(self, statement: Any, values: Sequence[Any] | None = None, about: str = "") -> list[tuple[Any, ...]]:
        return self._told(self._main, statement, values, about)

    def _told(
        self, connection: Any, statement: Any, values: Sequence[Any] | None = None, about: str = ""
    ) -> list[tuple[Any, ...]]:
        """The rows; `about` is what the statement is for, because its text may hold a verifier."""
        try:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []
        except psycopg.Error as error:
            reason = error.diag.message_primary or str(error).strip()
            kind = LeaderGone if connection.closed or error.sqlstate in AWAY else RemoteError
            asked = f"{about or 'asking'}, {self._where}: {reason}"
            raise kind(" ".join([asked, error.diag.message_detail or ""]).strip(), reason=reason) from error


def batches(steps: Iterable[Step]) -> Iterator[list[Step]]:
    """Steps that can be taken together, in their order."""
    batch: list[Step] = []
    for step in steps:
        if batch and (step.stands_alone or batch[0].stands_alone or step.place != batch[0].place):
            yield batch
            batch = []
        batch.append(step)
    if batch:
        yield batch
