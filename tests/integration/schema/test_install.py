"""Installing and uninstalling, over every driver."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import asyncpg
import psycopg
import pytest

from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver, AsyncpgPoolDriver
from pgqueuer.adapters.drivers.psycopg import PsycopgDriver
from pgqueuer.adapters.persistence.schema_plan import Plan
from pgqueuer.adapters.persistence.sqlstate import code_of
from pgqueuer.domain.settings import DBSettings, Durability
from pgqueuer.ports.driver import Driver
from tests.support.schema import ADVISORY_LOCKS, Manager, connected_manager, snapshot

SETTINGS = {
    "defaults": {},
    "prefix": {"prefix": "acme_"},
    "upper-case prefix": {"prefix": "Acme"},
    "longest prefix": {"prefix": "p" * 23},
    "schema": {"db_schema": "tenant"},
    "schema and prefix": {"db_schema": "tenant", "prefix": "Acme_"},
    "dotted names": {
        "queue_table": "tenant.Jobs",
        "queue_table_log": "tenant.Jobs_log",
        "statistics_table": "tenant.Counts",
        "schedules_table": "tenant.Plans",
        "function": "tenant.Notify",
        "queue_status_type": "tenant.State",
        "channel": "Jobs-channel",
        "trigger": "Notifier",
    },
}


@pytest.fixture(params=["asyncpg", "asyncpg pool", "psycopg"])
async def driver(request: pytest.FixtureRequest, dsn: str) -> AsyncIterator[Driver]:
    if request.param == "asyncpg":
        connection = await asyncpg.connect(dsn)
        yield AsyncpgDriver(connection)
        await connection.close()
    elif request.param == "asyncpg pool":
        async with asyncpg.create_pool(dsn, min_size=3, max_size=3) as pool:
            yield AsyncpgPoolDriver(pool)
    else:
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as session:
            yield PsycopgDriver(session)


@pytest.fixture(params=SETTINGS.values(), ids=SETTINGS.keys())
async def settings(request: pytest.FixtureRequest, dsn: str) -> DBSettings:
    if "queue_table" in request.param:
        connection = await asyncpg.connect(dsn)
        await connection.execute("CREATE SCHEMA tenant")
        await connection.close()
    return DBSettings(**request.param)


async def test_an_installation_verifies_and_has_nothing_to_upgrade(
    driver: Driver, settings: DBSettings
) -> None:
    manager = Manager(driver, settings)
    assert not await manager.schema_is_installed()
    await manager.install()
    assert await manager.schema_is_installed()
    assert await manager.verify() == []
    assert await manager.plan_upgrade() == Plan((), ())


async def test_uninstall_leaves_nothing_and_may_be_repeated(
    dsn: str, driver: Driver, settings: DBSettings
) -> None:
    connection = await asyncpg.connect(dsn)
    schema = "tenant" if settings.db_schema or "." in settings.queue_table else "public"
    manager = Manager(driver, settings)
    await manager.install()
    assert len(await manager.verify(expect="absent")) == 9
    await manager.uninstall()
    await manager.uninstall()
    assert not any((await snapshot(connection, schema)).values())
    assert await manager.verify(expect="absent") == []
    await connection.close()


async def test_a_second_install_is_refused_and_changes_nothing(dsn: str, driver: Driver) -> None:
    manager = Manager(driver)
    await manager.install()
    async with connected_manager(dsn) as (_, connection):
        before = await snapshot(connection)
        with pytest.raises(Exception) as refused:  # noqa: PT011
            await manager.install()
        assert code_of(refused.value) == "42710"
        assert await snapshot(connection) == before


async def test_an_install_that_fails_half_way_leaves_nothing(dsn: str, driver: Driver) -> None:
    async with connected_manager(dsn) as (_, connection):
        await connection.execute("CREATE TABLE pgqueuer_schedules (id int)")
        before = await snapshot(connection)
        with pytest.raises(Exception) as refused:  # noqa: PT011
            await Manager(driver).install()
        assert code_of(refused.value) == "42P07"
        assert await snapshot(connection) == before


async def test_an_install_belongs_to_the_transaction_of_the_caller(dsn: str) -> None:
    async with connected_manager(dsn) as (manager, connection):
        transaction = connection.transaction()
        await transaction.start()
        assert not await manager.schema_is_installed()
        await manager.install()
        assert await manager.verify() == []
        await transaction.rollback()
        assert not await manager.schema_is_installed()


async def test_of_many_installs_at_once_one_wins(dsn: str) -> None:
    async with asyncpg.create_pool(dsn, min_size=4, max_size=4) as pool:
        settings = DBSettings(db_schema="tenant")
        managers = [Manager(AsyncpgPoolDriver(pool), settings) for _ in range(4)]
        outcomes = await asyncio.gather(
            *(manager.install() for manager in managers), return_exceptions=True
        )
        assert sorted(map(repr, map(_code, outcomes))) == ["'42710'"] * 3 + ["None"]
        assert await managers[0].verify() == []


def _code(outcome: BaseException | None) -> str | None:
    return None if outcome is None else code_of(outcome)


async def test_without_create_schema_the_schema_has_to_be_there(dsn: str, driver: Driver) -> None:
    manager = Manager(driver, DBSettings(db_schema="tenant"))
    with pytest.raises(Exception) as refused:  # noqa: PT011
        await manager.install(create_schema=False)
    assert code_of(refused.value) == "3F000"


@pytest.mark.parametrize(
    ("level", "unlogged"),
    [
        (
            Durability.volatile,
            {"pgqueuer", "pgqueuer_log", "pgqueuer_statistics", "pgqueuer_schedules"},
        ),
        (Durability.balanced, {"pgqueuer_log", "pgqueuer_statistics"}),
        (Durability.durable, set()),
    ],
)
async def test_durability_holds_for_every_table(
    dsn: str, level: Durability, unlogged: set[str]
) -> None:
    async with connected_manager(dsn, DBSettings(durability=level)) as (manager, connection):
        await manager.install()
        assert await _unlogged(connection) == unlogged
        for other in Durability:
            await Manager(manager.driver, DBSettings(durability=other)).alter_durability()
        await manager.alter_durability()
        assert await _unlogged(connection) == unlogged
        assert await manager.verify() == []


async def _unlogged(connection: asyncpg.Connection) -> set[str]:
    relations = (await snapshot(connection))["relations"]
    return {name for name, kind in relations.items() if kind == "ru"}


async def test_autovacuum_options_are_set_and_taken_back(dsn: str) -> None:
    query = (
        "SELECT relname, array_length(reloptions, 1) FROM pg_class WHERE relkind = 'r' AND "
        "relname LIKE 'pgqueuer%'"
    )
    async with connected_manager(dsn) as (manager, connection):
        await manager.install()
        await manager.optimize_autovacuum()
        assert dict(await connection.fetch(query)) == {
            "pgqueuer": 7,
            "pgqueuer_log": 4,
            "pgqueuer_statistics": 4,
            "pgqueuer_schedules": 7,
            "pgqueuer_pauses": 7,
        }
        await manager.optimize_autovacuum_rollback()
        assert set(dict(await connection.fetch(query)).values()) == {None}


async def test_the_trigger_tells_of_new_and_truncated_jobs_only(dsn: str) -> None:
    received: asyncio.Queue[str] = asyncio.Queue()
    settings = DBSettings(channel="Jobs.channel", prefix="Acme_")
    async with connected_manager(dsn, settings) as (manager, connection):
        await manager.install()
        await connection.add_listener(
            "Jobs.channel", lambda _connection, _pid, _channel, text: received.put_nowait(text)
        )
        insert = (
            'INSERT INTO "Acme_pgqueuer" (priority, status, entrypoint) '
            "SELECT 0, 'queued', 'fetch' FROM generate_series(1, 3)"
        )
        async with connection.transaction():
            await connection.execute(insert)
            await connection.execute(insert)
        await connection.execute("UPDATE \"Acme_pgqueuer\" SET status = 'picked'")
        await connection.execute('DELETE FROM "Acme_pgqueuer"')
        await connection.execute('TRUNCATE "Acme_pgqueuer"')
        messages = [json.loads(await asyncio.wait_for(received.get(), 10)) for _ in range(2)]
        await connection.execute("SELECT pg_notify('Jobs.channel', '\"last\"')")
        assert await asyncio.wait_for(received.get(), 10) == '"last"'
    assert [message["operation"] for message in messages] == ["insert", "truncate"]
    for message in messages:
        assert set(message) == {"channel", "operation", "sent_at", "table", "type"}
        assert message["channel"] == "Jobs.channel"
        assert message["table"] == "Acme_pgqueuer"


async def test_the_schema_is_the_one_that_the_search_path_begins_with(dsn: str) -> None:
    async with connected_manager(dsn) as (manager, connection):
        await manager.install()
        await connection.execute("CREATE SCHEMA tenant; SET search_path TO tenant, public")
        assert not await manager.schema_is_installed()
        await manager.install()
        assert await manager.verify() == []
        assert set((await snapshot(connection, "tenant"))["labels"]) == {"pgqueuer_status"}


async def test_questions_about_single_objects(dsn: str, settings: DBSettings) -> None:
    async with connected_manager(dsn, settings) as (manager, _):
        queue, bare = settings.queue_table, settings.queue_table.rpartition(".")[2]
        index = f"{bare}_picked_slot_idx"
        enum = settings.queue_status_type
        assert not await manager.has_table(queue)
        assert not await manager.has_function(settings.function)
        assert not await manager.has_trigger(settings.trigger)
        assert not await manager.has_user_defined_enum("failed", enum)
        await manager.install()
        assert await manager.has_table(queue)
        assert await manager.has_function(settings.function)
        assert await manager.has_trigger(settings.trigger)
        assert await manager.table_has_column(queue, "slot")
        assert not await manager.table_has_column(queue, "slots")
        assert await manager.table_has_index(queue, index)
        assert not await manager.table_has_index(queue, "slots")
        assert await manager.has_user_defined_enum("failed", enum)
        assert not await manager.has_user_defined_enum("lost", enum)


async def test_the_lock_keeps_other_changes_waiting(dsn: str) -> None:
    async with (
        connected_manager(dsn) as (first, _),
        connected_manager(dsn) as (second, _),
        connected_manager(dsn) as (_, observer),
    ):
        async with first.schema_lock():
            await first.install()
            waiting = asyncio.create_task(second.uninstall())
            while not await observer.fetch(f"{ADVISORY_LOCKS} AND NOT granted"):
                assert not waiting.done()
        await waiting
        assert not await second.schema_is_installed()
        assert not await observer.fetch(ADVISORY_LOCKS)


async def test_the_lock_may_be_held_around_an_upgrade_and_is_given_back(
    dsn: str, driver: Driver
) -> None:
    manager = Manager(driver)
    async with manager.schema_lock():
        await manager.upgrade()
    assert await manager.verify() == []
    async with connected_manager(dsn) as (_, observer):
        assert not await observer.fetch(ADVISORY_LOCKS)
