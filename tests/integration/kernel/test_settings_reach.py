"""Prefix, schema and channel reach everything that speaks of the queue, on every driver."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest

from pgqueuer import PgQueuer, Queries
from pgqueuer.core.completion import CompletionWatcher
from pgqueuer.domain.settings import DBSettings, db_settings
from pgqueuer.models import Context, Job
from pgqueuer.ports import Driver
from pgqueuer.types import Channel
from tests.support.kernel import PATIENCE, listening, working
from tests.support.open_queries import open_queries

NEVER = timedelta(hours=1)


@pytest.fixture(params=["asyncpg", "pool", "psycopg"])
async def driver(dsn: str, request: pytest.FixtureRequest) -> AsyncIterator[Driver]:
    async with AsyncExitStack() as stack:
        queries = await stack.enter_async_context(open_queries(dsn, request.param, DBSettings()))
        yield queries.driver


@pytest.fixture(autouse=True)
def settings_are_read_anew() -> Iterator[None]:
    db_settings.cache_clear()
    yield
    db_settings.cache_clear()


async def hears_everything(pgq: PgQueuer, producer: Queries) -> None:
    """A worker that looks at the queue once an hour runs, stops and tells of jobs at once."""
    ran, started, stopped = asyncio.Event(), asyncio.Event(), asyncio.Event()

    @pgq.entrypoint("quick")
    async def quick(job: Job) -> None:
        ran.set()

    @pgq.entrypoint("endless")
    async def endless(job: Job, context: Context) -> None:
        started.set()
        with context.cancellation:
            await asyncio.sleep(NEVER.total_seconds())
        stopped.set()

    async with asyncio.timeout(PATIENCE), working(pgq, dequeue_timeout=NEVER):
        await listening(pgq.qm)
        await producer.enqueue("quick", None)
        await ran.wait()
        (job_id,) = await producer.enqueue("endless", None)
        await started.wait()
        watcher = CompletionWatcher(producer.driver, queries=producer, refresh_interval=None)
        async with watcher:
            end = watcher.wait_for(job_id)
            await producer.mark_job_as_cancelled([job_id])
            assert await end == "canceled"
        await stopped.wait()


async def test_the_environment_counts_until_the_manager_is_built(driver, monkeypatch):
    monkeypatch.setenv("PGQUEUER_PREFIX", "Acme_")
    monkeypatch.setenv("PGQUEUER_SCHEMA", "jobs")
    db_settings.cache_clear()
    pgq = PgQueuer(driver)
    await pgq.queries.install()
    assert pgq.channel == "Acme_ch_pgqueuer"
    tables = await driver.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'jobs'")
    assert {row["tablename"] for row in tables} == {
        "Acme_pgqueuer",
        "Acme_pgqueuer_log",
        "Acme_pgqueuer_pauses",
        "Acme_pgqueuer_schedules",
        "Acme_pgqueuer_statistics",
    }
    await hears_everything(pgq, Queries(driver))


async def test_a_channel_that_is_given_counts_for_all_that_the_manager_queries(driver):
    pgq = PgQueuer(driver, channel=Channel("Jobs.of-ours"))
    await pgq.queries.install()
    assert pgq.queries.settings is pgq.queries.qbq.settings is pgq.queries.qbs.settings
    await hears_everything(pgq, pgq.queries)


async def test_a_channel_that_the_trigger_does_not_know_is_told_and_new_jobs_are_heard(
    driver, caplog
):
    await Queries(driver).install()
    pgq = PgQueuer(driver, channel=Channel("other"))
    with caplog.at_level(logging.WARNING, logger="pgqueuer"):
        await hears_everything(pgq, pgq.queries)
    assert "PGQUEUER_CHANNEL=other" in caplog.text
    assert "ch_pgqueuer" in caplog.text


async def test_an_upgrade_gives_the_trigger_the_channel(driver, caplog):
    await Queries(driver).install()
    pgq = PgQueuer(driver, channel=Channel("it"))
    await pgq.queries.upgrade()
    assert await pgq.queries.trigger_channel() == "it"
    with caplog.at_level(logging.WARNING, logger="pgqueuer"):
        await hears_everything(pgq, pgq.queries)
    assert "PGQUEUER_CHANNEL" not in caplog.text


async def test_the_search_path_of_pgoptions_is_where_the_queue_is(dsn, monkeypatch):
    monkeypatch.setenv("PGOPTIONS", "-csearch_path=myschema")
    for name in ("asyncpg", "pool", "psycopg"):
        async with open_queries(dsn, name) as queries:
            await queries.driver.execute("CREATE SCHEMA myschema")
            await queries.install()
            found = await queries.driver.fetch(
                "SELECT schemaname FROM pg_tables WHERE tablename = 'pgqueuer'"
            )
            assert [row["schemaname"] for row in found] == ["myschema"]
            await hears_everything(PgQueuer(queries.driver), queries)
            await queries.driver.execute("DROP SCHEMA myschema CASCADE")


async def test_a_trigger_function_that_names_no_channel_is_not_known(queue_dsn):
    async with open_queries(queue_dsn) as queries:
        assert await queries.trigger_channel() == "ch_pgqueuer"
        await queries.driver.execute(
            "CREATE OR REPLACE FUNCTION fn_pgqueuer_changed() RETURNS trigger LANGUAGE plpgsql "
            "AS 'BEGIN RETURN NULL; END'"
        )
        assert await queries.trigger_channel() is None
        await queries.uninstall()
        assert await queries.trigger_channel() is None


async def test_settings_given_to_one_manager_do_not_change_another(queue_dsn):
    async with open_queries(queue_dsn) as queries:
        first = PgQueuer(queries.driver, channel=Channel("mine"))
        assert (first.channel, PgQueuer(queries.driver).channel) == ("mine", "ch_pgqueuer")
        assert db_settings().channel == "ch_pgqueuer"
