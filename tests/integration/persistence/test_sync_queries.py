"""`SyncQueries` does what `Queries` does, in the transaction of its connection."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from datetime import timedelta
from importlib import import_module

import psycopg
import pytest

from pgqueuer.adapters.drivers.borrowed import sync_driver_over
from pgqueuer.db import SyncPsycopgDriver
from pgqueuer.errors import DuplicateJobError
from pgqueuer.queries import Queries, SyncQueries
from tests.support.kernel import until
from tests.support.open_queries import open_queries


@pytest.fixture
def connection(queue_dsn: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(queue_dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture
def jobs(connection: psycopg.Connection) -> SyncQueries:
    return SyncQueries(SyncPsycopgDriver(connection))


@pytest.fixture(params=["psycopg", "psycopg2"])
def any_jobs(request: pytest.FixtureRequest, queue_dsn: str) -> Iterator[SyncQueries]:
    """Over a connection of each package, on which every statement commits."""
    with closing(import_module(request.param).connect(queue_dsn)) as connection:
        connection.autocommit = True
        yield SyncQueries(sync_driver_over(connection))


@pytest.fixture
async def observer(queue_dsn: str) -> AsyncIterator[Queries]:
    """Sees what is committed."""
    async with open_queries(queue_dsn) as queries:
        yield queries


def operations() -> list[str]:
    return [
        name
        for name, member in vars(SyncQueries).items()
        if inspect.isfunction(member) and not name.startswith("_")
    ]


@pytest.mark.parametrize("name", operations())
def test_each_operation_is_called_like_its_asynchronous_twin(name: str) -> None:
    own, twin = (inspect.signature(getattr(each, name)) for each in (SyncQueries, Queries))
    assert own == twin
    assert inspect.iscoroutinefunction(getattr(Queries, name))


async def park(observer: Queries, job_id: int) -> None:
    """Hold the job as failed."""
    await observer.driver.execute("UPDATE pgqueuer SET status = 'failed' WHERE id = $1", job_id)


async def test_jobs_are_looked_at_held_requeued_and_canceled(
    any_jobs: SyncQueries, observer: Queries
) -> None:
    jobs = any_jobs
    first, second = jobs.enqueue(["work"] * 2, [b"1", b"2"], headers=[{"k": [1]}, None])
    await park(observer, first)

    [held] = jobs.list_failed_jobs(order="ASC")
    assert (held.id, held.payload, held.headers) == (first, b"1", {"k": [1]})
    assert jobs.requeue_failed([first, second]) == 1
    jobs.requeue_jobs([first])
    assert jobs.list_failed_jobs() == []
    job = jobs.queue_job_by_id(first)
    assert job == await observer.queue_job_by_id(first)
    assert job is not None
    assert job.status == "queued"

    jobs.mark_job_as_cancelled([first])
    assert jobs.cancel_jobs([first, second]) == 1
    assert jobs.queue_job_by_id(first) is None
    assert jobs.queue_size() == []
    assert {row.job_id: row.status for row in jobs.job_status([first, second])} == {
        first: "canceled",
        second: "canceled",
    }
    assert [row.status for row in jobs.job_log_history(first, 2)] == ["canceled", "queued"]


def test_nothing_asked_is_nothing_sent() -> None:
    class Closed:
        def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
            raise AssertionError(query)

    jobs = SyncQueries(Closed())
    assert jobs.enqueue([], []) == []
    assert jobs.job_status([]) == []
    with pytest.raises(ValueError, match="order"):
        jobs.list_failed_jobs(order="up")  # type: ignore[arg-type]


async def test_several_calls_are_part_of_the_callers_transaction(
    connection: psycopg.Connection, jobs: SyncQueries, observer: Queries
) -> None:
    [old] = jobs.enqueue("old", None)
    heard: list[object] = []
    async with observer.driver:
        await observer.driver.add_listener(observer.settings.channel, heard.append)
        with connection.transaction():
            jobs.enqueue("work", b"1")
            jobs.enqueue(["work"] * 2, [b"2", b"3"])
            jobs.mark_job_as_cancelled([old])
            assert [(row.entrypoint, row.count) for row in jobs.queue_size()] == [("work", 3)]
            assert [row.entrypoint for row in await observer.queue_size()] == ["old"]
            assert heard == []
        assert [(row.entrypoint, row.count) for row in await observer.queue_size()] == [("work", 3)]
        await until(lambda: "cancellation_event" in str(heard) and '"insert"' in str(heard))


async def test_a_rollback_takes_every_call_back(
    connection: psycopg.Connection, jobs: SyncQueries, observer: Queries
) -> None:
    [old] = jobs.enqueue("old", None)
    with connection.transaction(force_rollback=True):
        jobs.enqueue("work", b"1")
        jobs.mark_job_as_cancelled([old])
    assert [row.entrypoint for row in await observer.queue_size()] == ["old"]
    assert [row.status for row in await observer.job_status([old])] == ["queued"]


def test_a_key_that_is_taken_leaves_the_transaction_usable(
    connection: psycopg.Connection, jobs: SyncQueries
) -> None:
    with connection.transaction():
        jobs.enqueue("work", None, dedupe_key="k")
        with pytest.raises(DuplicateJobError) as caught:
            jobs.enqueue("work", None, dedupe_key="k")
        assert caught.value.dedupe_key == ["k"]
        assert jobs.enqueue("work", None, dedupe_key="k", on_conflict="skip") == [None]
        jobs.enqueue("work", None)
    assert sum(row.count for row in jobs.queue_size()) == 2


async def test_everything_that_a_job_can_have_arrives(
    any_jobs: SyncQueries, observer: Queries
) -> None:
    payloads = [b"", None, bytes(range(256)), b"%s %(p1)s $1 \\ '"]
    names = ["50%", "$1", "it's", 'a "b" \\ %s']
    headers = [{"%": "$1"}, None, {"ü": ["\\", "'"]}, {}]
    ids = any_jobs.enqueue(
        names,
        payloads,
        [-1, 0, 1, 2**31 - 1],
        [timedelta(days=2, microseconds=1), timedelta(seconds=-1), None, timedelta(0)],
        ["k%", None, "$2", "'"],
        headers,
    )
    found = [any_jobs.queue_job_by_id(job_id) for job_id in ids]
    assert found == [await observer.queue_job_by_id(job_id) for job_id in ids]
    assert [job and (job.entrypoint, job.payload, job.headers) for job in found] == [
        *zip(names, payloads, headers, strict=True)
    ]
    with pytest.raises(DuplicateJobError) as caught:
        any_jobs.enqueue("work", None, dedupe_key="$2")
    assert caught.value.dedupe_key == ["$2"]
    assert any_jobs.enqueue("work", None, 7, dedupe_key="k%", on_conflict="update_priority") == [
        ids[0]
    ]


async def test_requeueing_a_job_whose_key_is_held_again_names_the_key(
    any_jobs: SyncQueries, observer: Queries
) -> None:
    jobs = any_jobs
    [parked] = jobs.enqueue("work", None, dedupe_key="k")
    await park(observer, parked)
    jobs.enqueue("work", None, dedupe_key="k")
    with pytest.raises(DuplicateJobError, match="k"):
        jobs.requeue_jobs([parked])


async def test_a_caller_that_commits_needs_no_autocommit(queue_dsn: str, observer: Queries) -> None:
    with psycopg.connect(queue_dsn) as connection:
        jobs = SyncQueries(SyncPsycopgDriver(connection, caller_commits=True))
        jobs.enqueue("gone", None)
        connection.rollback()
        jobs.enqueue("work", None)
        connection.commit()
    assert [row.entrypoint for row in await observer.queue_size()] == ["work"]


async def test_entrypoints_are_paused_and_resumed(any_jobs: SyncQueries, observer: Queries) -> None:
    assert any_jobs.pause_entrypoints(["mail", "bill"], reason="it is down") == 2
    assert any_jobs.paused_entrypoints() == await observer.paused_entrypoints()
    assert any_jobs.resume_entrypoints("mail") == 1
    assert [pause.entrypoint for pause in any_jobs.paused_entrypoints()] == ["bill"]
    assert any_jobs.resume_entrypoints([]) == 0
