"""Every older schema ends in the catalog of a fresh installation, with its data."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import psycopg
import pytest

from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver, AsyncpgPoolDriver
from pgqueuer.adapters.drivers.psycopg import PsycopgDriver
from pgqueuer.adapters.persistence.schema_ddl import render_upgrade
from pgqueuer.adapters.persistence.schema_plan import Plan
from pgqueuer.domain.settings import DBSettings
from tests.support.postgres import TestPostgres
from tests.support.schema import (
    ADVISORY_LOCKS,
    Manager,
    Snapshot,
    connected_manager,
    readable,
    snapshot,
)

FIXTURES = Path(__file__).parent / "fixtures"
OLDER = ["0_x", "1_0", "1_3", "1_4", "1_6"]


def older_schema(version: str, prefix: str = "") -> str:
    text = (FIXTURES / f"{version}.sql").read_text(encoding="utf-8")
    return re.sub(r"\b((?:fn_|tg_|ch_)?pgqueuer)", rf"{prefix}\1", text)


@asynccontextmanager
async def database(pg: TestPostgres) -> AsyncIterator[asyncpg.Connection]:
    with pg.database() as name:
        connection = await asyncpg.connect(pg.dsn(name))
        yield connection
        await connection.close()


async def fresh_catalog(
    pg: TestPostgres, settings: DBSettings | None = None, schema: str = "public"
) -> Snapshot:
    async with database(pg) as connection:
        await Manager(AsyncpgDriver(connection), settings).install()
        return await snapshot(connection, schema)


def without_unused_column(catalog: Snapshot) -> Snapshot:
    columns = catalog["columns"]
    kept = {name: columns[name] for name in columns if not name.endswith(".time_in_queue")}
    return {**catalog, "columns": kept}


async def rows(connection: asyncpg.Connection) -> dict[str, list[dict[str, object]]]:
    """What the queue holds, as text and without what differs between the schemas."""
    queries = {
        "jobs": "SELECT id, priority, created, status::text, entrypoint, payload FROM pgqueuer",
        "counts": "SELECT entrypoint, priority, status::text, date_trunc('sec', created), "
        "sum(count) FROM pgqueuer_statistics GROUP BY 1, 2, 3, 4",
        "log": "SELECT id, created, job_id, status::text, traceback, aggregated FROM pgqueuer_log",
        "schedules": "SELECT id, expression, entrypoint, last_run, status::text "
        "FROM pgqueuer_schedules",
    }
    found = {}
    for name, query in queries.items():
        try:
            found[name] = sorted(map(dict, await connection.fetch(query)), key=repr)
        except asyncpg.UndefinedTableError:
            found[name] = []
    return found


@pytest.mark.parametrize("version", OLDER)
async def test_an_upgrade_ends_in_the_fresh_catalog_and_keeps_the_data(
    pg: TestPostgres, dsn: str, version: str
) -> None:
    async with connected_manager(dsn) as (manager, connection):
        await connection.execute(older_schema(version))
        before = await rows(connection)
        planned = await manager.plan_upgrade()
        assert await manager.apply_upgrade() == planned
        upgraded = without_unused_column(await snapshot(connection))
        assert readable(upgraded) == readable(await fresh_catalog(pg))
        assert await rows(connection) == before
        assert (await manager.plan_upgrade()).statements == ()
        assert await manager.verify() == []


@pytest.mark.parametrize("version", OLDER)
async def test_the_statements_of_a_plan_may_be_run_by_hand(dsn: str, version: str) -> None:
    async with connected_manager(dsn) as (manager, connection):
        await connection.execute(older_schema(version))
        for statement in (await manager.plan_upgrade()).statements:
            await connection.execute(statement)
        assert (await manager.plan_upgrade()).statements == ()


@pytest.mark.parametrize("version", OLDER)
async def test_the_script_ends_in_the_fresh_catalog_and_may_be_repeated(
    pg: TestPostgres, dsn: str, version: str
) -> None:
    script = render_upgrade(DBSettings()).split(";\n\n")
    async with connected_manager(dsn) as (manager, connection):
        await connection.execute(older_schema(version))
        before = await rows(connection)
        for statement in script * 2:
            await connection.execute(statement)
        upgraded = without_unused_column(await snapshot(connection))
        assert readable(upgraded) == readable(await fresh_catalog(pg))
        assert await rows(connection) == before
        assert (await manager.plan_upgrade()).statements == ()


async def test_the_script_installs_into_an_empty_database(pg: TestPostgres, dsn: str) -> None:
    settings = DBSettings(db_schema="tenant", prefix="Acme_")
    async with connected_manager(dsn, settings) as (_, connection):
        for statement in render_upgrade(settings).split(";\n\n"):
            await connection.execute(statement)
        installed = await snapshot(connection, "tenant")
        assert readable(installed) == readable(await fresh_catalog(pg, settings, "tenant"))


async def test_nothing_is_left_out_of_the_oldest_schema_but_its_unused_column(dsn: str) -> None:
    async with connected_manager(dsn) as (manager, connection):
        await connection.execute(older_schema("0_x"))
        await manager.upgrade()
        columns = (await snapshot(connection))["columns"]
        assert columns["pgqueuer_statistics.time_in_queue"] == ["interval", "false", None, ""]
        plan = await manager.plan_upgrade()
        assert plan.statements == ()
        assert ["time_in_queue is not used" in note for note in plan.notes] == [True]


@pytest.mark.parametrize("version", OLDER)
async def test_an_older_schema_with_a_prefix_in_another_schema(
    pg: TestPostgres, dsn: str, version: str
) -> None:
    settings = DBSettings(prefix="acme_", db_schema="tenant")
    async with connected_manager(dsn, settings) as (manager, connection):
        await connection.execute("CREATE SCHEMA tenant; SET search_path TO tenant")
        await connection.execute(older_schema(version, prefix="acme_"))
        await connection.execute("RESET search_path")
        await manager.upgrade()
        upgraded = without_unused_column(await snapshot(connection, "tenant"))
        assert readable(upgraded) == readable(await fresh_catalog(pg, settings, "tenant"))
        assert (await manager.plan_upgrade()).statements == ()


async def test_an_upgrade_installs_into_an_empty_database(pg: TestPostgres, dsn: str) -> None:
    async with connected_manager(dsn) as (manager, connection):
        planned = await manager.plan_upgrade()
        assert await manager.apply_upgrade() == planned
        assert readable(await snapshot(connection)) == readable(await fresh_catalog(pg))
        assert await manager.plan_upgrade() == Plan((), ())


@pytest.mark.parametrize("isolation", ["read committed", "serializable"])
@pytest.mark.parametrize("version", ["empty", *OLDER])
async def test_several_upgrades_at_once(
    pg: TestPostgres, dsn: str, version: str, isolation: str
) -> None:
    async with connected_manager(dsn) as (_, connection):
        name = await connection.fetchval("SELECT current_database()")
        await connection.execute(
            f"ALTER DATABASE {name} SET default_transaction_isolation TO '{isolation}'"
        )
        if version != "empty":
            await connection.execute(older_schema(version))
    async with (
        asyncpg.create_pool(dsn, min_size=3, max_size=3) as pool,
        connected_manager(dsn) as (alone, connection),
        await psycopg.AsyncConnection.connect(dsn, autocommit=True) as session,
    ):
        planned = await alone.plan_upgrade()
        pooled = [Manager(AsyncpgPoolDriver(pool)) for _ in range(3)]
        managers = [alone, *pooled, Manager(PsycopgDriver(session))]
        done = await asyncio.gather(*(manager.apply_upgrade() for manager in managers))
        together = [statement for plan in done for statement in plan.statements]
        assert sorted(together) == sorted(planned.statements)
        upgraded = without_unused_column(await snapshot(connection))
        assert readable(upgraded) == readable(await fresh_catalog(pg))


async def test_an_old_owner_of_the_lock_is_waited_for(dsn: str) -> None:
    async with (
        connected_manager(dsn) as (old, _),
        connected_manager(dsn) as (new, _),
        connected_manager(dsn) as (_, observer),
    ):
        async with old.schema_lock():
            upgrade = asyncio.create_task(new.apply_upgrade())
            while not await observer.fetch(f"{ADVISORY_LOCKS} AND NOT granted"):
                assert not upgrade.done()
            await old.install()
        assert (await upgrade).statements == ()
        assert await new.verify() == []
