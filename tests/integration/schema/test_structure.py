"""Workers and schedulers do not start on a schema that lacks something, and name it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import asyncpg
import pytest

from pgqueuer import Job, PgQueuer
from pgqueuer.core.structure import verify_queue_structure, verify_schedule_structure
from pgqueuer.domain.settings import DBSettings
from pgqueuer.domain.structure import SchemaPart
from pgqueuer.errors import SchemaIncompleteError
from pgqueuer.queries import Queries
from pgqueuer.types import QueueExecutionMode
from tests.support.open_queries import open_queries

SETTINGS = {"plain": {}, "named": {"prefix": "acme_", "db_schema": "Jobs"}}


@pytest.fixture(params=SETTINGS)
def settings(request: pytest.FixtureRequest) -> DBSettings:
    return DBSettings.model_validate(SETTINGS[request.param])


@pytest.fixture(params=["asyncpg", "psycopg"])
async def queries(
    request: pytest.FixtureRequest, dsn: str, settings: DBSettings
) -> AsyncIterator[Queries]:
    async with open_queries(dsn, request.param, settings) as opened:
        await opened.install()
        yield opened


@pytest.fixture
async def db(dsn: str, settings: DBSettings) -> AsyncIterator[asyncpg.Connection]:
    path = f'"{settings.db_schema}"' if settings.db_schema else "public"
    connection = await asyncpg.connect(dsn, server_settings={"search_path": path})
    yield connection
    await connection.close(timeout=5)


async def test_a_fresh_installation_has_everything(queries: Queries) -> None:
    await verify_queue_structure(queries)
    await verify_schedule_structure(queries)


async def test_the_first_thing_that_a_worker_lacks_is_named(
    queries: Queries, db: asyncpg.Connection, settings: DBSettings
) -> None:
    """Each is asked for before those that are gone already."""
    queue, status = settings.queue_table, settings.queue_status_type
    for drop, missing in (
        (f"DROP INDEX {queue}_picked_slot_idx", f"index {queue}_picked_slot_idx"),
        (
            f"DROP INDEX {settings.queue_table_log}_job_id_status",
            f"index {settings.queue_table_log}_job_id_status",
        ),
        (
            f"ALTER TYPE {status} RENAME VALUE 'failed' TO 'other'",
            f"value 'failed' of the type {status}",
        ),
        (f"DROP TABLE {settings.pauses_table}", f"table {settings.pauses_table}"),
        (f"ALTER TABLE {queue} DROP COLUMN takeovers", f"column {queue}.takeovers"),
        (f"ALTER TABLE {queue} DROP COLUMN headers", f"column {queue}.headers"),
    ):
        await db.execute(drop)
        with pytest.raises(RuntimeError) as raised:
            await verify_queue_structure(queries)
        assert str(raised.value) == (
            f"The {missing} is missing: the schema is older than this worker. Run 'pgq upgrade'."
        )

    await db.execute(f"DROP TABLE {settings.statistics_table}")
    with pytest.raises(
        RuntimeError, match=f"^The table '{settings.statistics_table}' .*pgq install"
    ):
        await verify_queue_structure(queries)


async def test_the_first_thing_that_a_scheduler_lacks_is_named(
    queries: Queries, db: asyncpg.Connection, settings: DBSettings
) -> None:
    schedules = settings.schedules_table
    await db.execute(f"ALTER TABLE {schedules} DROP COLUMN paused_next_run")
    with pytest.raises(
        RuntimeError, match=f"^The column {schedules}.paused_next_run .*pgq upgrade"
    ):
        await verify_schedule_structure(queries)

    await db.execute(f"DROP TABLE {schedules}")
    with pytest.raises(RuntimeError, match=f"^The table '{schedules}' is missing"):
        await verify_schedule_structure(queries)


async def test_a_worker_does_not_say_that_it_serves_before_its_schedules_can_run(
    queries: Queries,
    db: asyncpg.Connection,
    settings: DBSettings,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await db.execute(f"DROP TABLE {settings.schedules_table}")
    await queries.enqueue("work", None)
    look = queries.first_missing

    async def look_slowly(parts: Sequence[SchemaPart]) -> SchemaPart | None:
        if parts[0].owner == settings.schedules_table:
            for _ in range(100):  # long enough for whoever does not wait
                await queries.driver.fetch("SELECT 1")
        return await look(parts)

    monkeypatch.setattr(queries, "first_missing", look_slowly)
    program = PgQueuer(queries.driver, queries=queries)

    @program.entrypoint("work")
    async def work(job: Job) -> None:
        pytest.fail("it was run")

    with (
        caplog.at_level("INFO", "pgqueuer"),
        pytest.raises(SchemaIncompleteError, match=settings.schedules_table),
    ):
        await program.run(mode=QueueExecutionMode.drain)
    assert "serves" not in caplog.text
    assert program.shutdown.is_set()
    assert await db.fetchval(f"SELECT status FROM {settings.queue_table}") == "queued"
