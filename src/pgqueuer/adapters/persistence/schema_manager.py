"""Creating, changing and looking at the database objects."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Literal

from pgqueuer.adapters.persistence.base import StatementRunner
from pgqueuer.adapters.persistence.schema_catalog import Catalog, parse_catalog
from pgqueuer.adapters.persistence.schema_ddl import (
    advisory_key,
    autovacuum_statements,
    durability_statements,
    install_statements,
    script,
    uninstall_statements,
)
from pgqueuer.adapters.persistence.schema_notes import upgrade_notes
from pgqueuer.adapters.persistence.schema_plan import Plan, Step, upgrade_steps
from pgqueuer.adapters.persistence.schema_text import SchemaText
from pgqueuer.adapters.persistence.schema_verify import Divergence, divergences, leftovers
from pgqueuer.adapters.persistence.sqlstate import code_of
from pgqueuer.domain.structure import SchemaPart
from pgqueuer.ports.statements import statements_within

__all__ = ["Divergence", "Plan", "SchemaManager"]

SERIALIZATION_FAILURE = "40001"
DEADLOCK_DETECTED = "40P01"
INTERNAL_ERROR = "XX000"
LOST_RACES = 100
"""More than there are steps from the oldest schema, so that only a standstill comes to this."""

logger = logging.getLogger("pgqueuer")


class SchemaManager(StatementRunner):
    """The schema of one settings object, over one driver.

    Whatever changes the schema runs in one transaction a step and waits in it for an advisory
    lock, so that any number of starters, each over a connection or a pool, do not disturb each
    other. The connection must be in autocommit mode.
    """

    async def install(self, create_schema: bool = True) -> None:
        """Create everything, or nothing.

        Raises the driver's DuplicateObject error (SQLSTATE 42710) when it is there already.
        `create_schema` creates `settings.db_schema` too, where one is set.
        """
        await self._run_step(install_statements(self.settings, create_schema))

    async def schema_is_installed(self) -> bool:
        """Whether any table or enum is there; a part of an installation counts."""
        return (await self._read_catalog()).is_installed

    async def uninstall(self) -> None:
        """Drop everything, jobs and history too; the schema itself stays."""
        await self._run_step(uninstall_statements(self.settings))

    async def plan_upgrade(self) -> Plan:
        """What `apply_upgrade` would do, read from the system catalogs; changes and locks nothing.

        Raises SchemaDriftError for a column type that no upgrade converts.
        """
        live = await self._read_catalog()
        return self._plan(upgrade_steps(self.settings, live), live)

    async def apply_upgrade(self) -> Plan:
        """Bring the schema up to date, from nothing too, and return what was done.

        Several may run at once: each step is planned and applied against the same catalog, and
        one that another upgrade was faster with is planned anew. Notes are logged as warnings.
        Raises SchemaDriftError before anything is changed.
        """
        first = await self._read_catalog()
        done = await self._converge(first)
        plan = self._plan(done, first)
        for note in plan.notes:
            logger.warning("%s", note)
        return plan

    async def upgrade(self) -> None:
        """As `apply_upgrade`."""
        await self.apply_upgrade()

    @asynccontextmanager
    async def schema_lock(self) -> AsyncIterator[None]:
        """Hold the lock that every change of the schema waits for, here and in 1.x.

        The lock belongs to one connection: over a pool, which may give another connection to each
        statement, it holds nothing. The methods here are safe over a pool without it.
        """
        text, key = SchemaText(self.settings), advisory_key(self.settings)
        await self.driver.fetch(text.catalog("lock_session"), key)
        try:
            yield
        finally:
            await self.driver.fetch(text.catalog("unlock_session"), key)

    async def alter_durability(self) -> None:
        """Set every table to `settings.durability`; rewrites those that change."""
        await self._run_step(durability_statements(self.settings))

    async def optimize_autovacuum(self) -> None:
        """Suit autovacuum to how each table is used."""
        await self._run_step(autovacuum_statements(self.settings))

    async def optimize_autovacuum_rollback(self) -> None:
        """Go back to the server's defaults."""
        await self._run_step(autovacuum_statements(self.settings, rollback=True))

    async def verify(self, expect: Literal["present", "absent"] = "present") -> list[Divergence]:
        """Where the database differs from the declared schema, each with what to run.

        With `absent`, what is there although nothing should be.
        """
        live = await self._read_catalog()
        find = divergences if expect == "present" else leftovers
        return find(self.settings, live)

    async def has_table(self, table: str) -> bool:
        """Whether the table is there."""
        return await self._present("has_table", *self._place(table))

    async def table_has_column(self, table: str, column: str) -> bool:
        """Whether the table has the column."""
        return await self._present("table_has_column", *self._place(table), column)

    async def table_has_index(self, table: str, index: str) -> bool:
        """Whether the table has the index."""
        return await self._present("table_has_index", *self._place(table), index)

    async def has_user_defined_enum(self, key: str, enum: str) -> bool:
        """Whether the type `enum` has the label `key`."""
        return await self._present("has_user_defined_enum", *self._place(enum), key)

    async def has_function(self, function: str) -> bool:
        """Whether the function is there."""
        return await self._present("has_function", *self._place(function))

    async def has_trigger(self, trigger: str) -> bool:
        """Whether a table in the queue table's schema has the trigger."""
        schema, _ = self._place(self.settings.queue_table)
        return await self._present("has_trigger", schema, trigger)

    async def first_missing(self, parts: Sequence[SchemaPart]) -> SchemaPart | None:
        """The first of these parts that is not there, asked by one statement."""
        places = [self._place(part.owner) for part in parts]
        with statements_within(self.settings.statement_timeout):
            rows = await self.driver.fetch(
                SchemaText(self.settings).catalog("first_missing"),
                [part.kind for part in parts],
                [schema for schema, _ in places],
                [owner for _, owner in places],
                [part.name for part in parts],
            )
        for place in (row["place"] for row in rows):
            if isinstance(place, int):
                return parts[place - 1]
        return None

    async def trigger_channel(self) -> str | None:
        """The channel on which the trigger of the database tells of new jobs, if that is known."""
        place = self._place(self.settings.function)
        statement = SchemaText(self.settings).catalog("trigger_channel")
        with statements_within(self.settings.statement_timeout):
            rows = await self.driver.fetch(statement, *place)
        channel = rows[0]["channel"] if rows else None
        return channel if isinstance(channel, str) else None

    def _place(self, name: str) -> tuple[str | None, str]:
        schema, _, bare = name.rpartition(".")
        return (schema or self.settings.db_schema, bare)

    async def _present(self, query: str, *args: object) -> bool:
        with statements_within(self.settings.statement_timeout):
            rows = await self.driver.fetch(SchemaText(self.settings).catalog(query), *args)
        return bool(rows[0]["present"])

    async def _read_catalog(self) -> Catalog:
        """The catalog as it was at one moment.

        Functions such as pg_get_indexdef look past the snapshot of the statement that calls them:
        while somebody changes the schema they fail, or the document is torn, and the next one is
        not like it. So what counts is what is read twice in a row.
        """
        before: dict[str, object] | None = None
        failure: Exception | None = None
        for _ in range(LOST_RACES):
            row, failure = await self._look_at_catalog()
            if row is not None and row == before:
                return parse_catalog(str(row["document"]), str(row["fingerprint"]))
            before = row
        raise RuntimeError(
            "the schema changes all the time; try again when nobody else changes it"
        ) from failure

    async def _look_at_catalog(self) -> tuple[dict[str, object] | None, Exception | None]:
        try:
            [row] = await self.driver.fetch(SchemaText(self.settings).catalog("catalog"))
        except Exception as error:
            if code_of(error) != INTERNAL_ERROR:
                raise
            return None, error
        return row, None

    def _plan(self, steps: Iterable[Step], live: Catalog) -> Plan:
        statements = tuple(statement for step in steps for statement in step)
        return Plan(statements, tuple(upgrade_notes(self.settings, live)))

    async def _converge(self, live: Catalog) -> list[Step]:
        """Apply the first step of the plan until there is none; return the steps that were ours."""
        done: list[Step] = []
        lost = 0
        while steps := upgrade_steps(self.settings, live):
            if steps[0] in done:
                raise RuntimeError(f"this changed nothing that an upgrade can see: {steps[0]}")
            if await self._apply(steps[0], live):
                done.append(steps[0])
                lost = 0
            else:
                lost += 1
            if lost > LOST_RACES:
                raise RuntimeError(
                    "the schema looks different each time; give every connection of the pool "
                    "the same search_path, then run the upgrade again"
                )
            live = await self._read_catalog()
        return done

    async def _apply(self, step: Step, live: Catalog) -> bool:
        """Whether the step took effect; False when the catalog is not as planned for any more."""
        text = SchemaText(self.settings)
        guard = text.catalog("guard", catalog=text.catalog("catalog"), fingerprint=live.fingerprint)
        try:
            await self._run_step((guard, *step))
        except Exception as error:
            if code_of(error) not in (SERIALIZATION_FAILURE, DEADLOCK_DETECTED):
                raise
            return False
        return True

    async def _run_step(self, statements: Iterable[str]) -> None:
        """All or nothing, and nobody else at the same time."""
        text = SchemaText(self.settings)
        lock = text.catalog("lock_transaction", key=str(advisory_key(self.settings)))
        await self.driver.execute(script((text.ddl("read_committed"), lock, *statements)))
