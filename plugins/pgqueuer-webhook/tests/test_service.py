from __future__ import annotations

import asyncio
import base64
import json
import time
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg
import pytest
from conftest import SECRET
from endpoint import until

from pgqueuer import AsyncpgDriver, Job, PgQueuer, Queries
from pgqueuer.domain.settings import ConnectionSettings
from pgqueuer.plugins import ServiceContext, connect
from pgqueuer.testing.workers import drain
from pgqueuer_webhook import sending
from pgqueuer_webhook.service import post_failures
from pgqueuer_webhook.signing import is_signed, read_keys

UNDEFINED_TABLE = "42P01"


def service(queries: Queries, **options: object):
    given = {f"webhook-{name.replace('_', '-')}": str(value) for name, value in options.items()}
    return post_failures(
        ServiceContext(queries=queries, shutdown=asyncio.Event(), resources={}, options=given)
    )


@asynccontextmanager
async def leading(queries: Queries, **options: object):
    """The service, once it remembers where it began."""
    async with service(queries, **options):
        name = options.get("name", "default")
        await until_found(queries, f"SELECT 1 FROM pgqueuer_webhook WHERE name = '{name}'")
        yield


async def until_found(queries: Queries, statement: str) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                if await queries.driver.fetch(statement):
                    return
            except Exception as error:
                if getattr(error, "sqlstate", None) != UNDEFINED_TABLE:
                    raise
            await asyncio.sleep(0.01)


@pytest.fixture
def fail(pgq: PgQueuer):
    """Enqueue jobs that fail, and run them."""

    @pgq.entrypoint("mail")
    async def mail(job: Job) -> None:
        raise ValueError(f"no {job.payload!r}")

    @pgq.entrypoint("call", on_failure="hold")
    async def call(job: Job) -> None:
        raise KeyError("held")

    @pgq.entrypoint("fine")
    async def fine(job: Job) -> None: ...

    async def run(*entrypoints: str, payload: bytes | None = None) -> list[int]:
        count = len(entrypoints)
        ids = await pgq.qm.queries.enqueue(list(entrypoints), [payload] * count, [0] * count)
        await drain(pgq)
        return list(ids)

    return run


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries come soon."""
    monkeypatch.setattr(sending, "FIRST_DELAY", 0.02)
    monkeypatch.setattr(sending, "LONGEST_DELAY", 0.05)


async def test_failed_and_held_jobs_are_posted_signed_and_documented(queries, endpoint, fail):
    async with leading(queries):
        failed, held, _ = await fail("mail", "call", "fine", payload=b"private")
        await until(lambda: len(endpoint.jobs) == 2)

    jobs = {job["job_id"]: job for job in endpoint.jobs}
    assert set(jobs) == {failed, held}
    assert jobs[held]["outcome"] == "held"
    assert set(jobs[failed]) == {
        "event_id",
        "job_id",
        "entrypoint",
        "outcome",
        "at",
        "priority",
        "error",
    }
    assert jobs[failed]["outcome"] == "failed"
    assert jobs[failed]["entrypoint"] == "mail"
    assert jobs[failed]["error"] == {"type": "ValueError", "message": "no b'private'"}
    for headers, body in endpoint.requests:
        message = json.loads(body)
        assert (message["type"], message["version"]) == ("pgqueuer.jobs", 1)
        assert message["data"]["source"] == "default"
        at = int(headers["webhook-timestamp"])
        signature = headers["webhook-signature"]
        assert abs(time.time() - at) < 60
        assert is_signed(read_keys(SECRET), headers["webhook-id"], at, body, signature)


async def test_a_job_of_a_worker_that_died_too_often_is_parked(queries, queue_pool, endpoint):
    async with leading(queries, outcomes="parked"):
        await queue_pool.execute(
            "INSERT INTO pgqueuer_log (job_id, status, priority, entrypoint, traceback) VALUES"
            " (1, 'failed', 0, 'mail', '{\"additional_context\": {\"parked\": true}}'),"
            " (2, 'failed', 0, 'mail', '{\"exception_type\": \"InvalidPayloadError\"}'),"
            " (3, 'failed', 0, 'mail', '{\"exception_type\": \"ValueError\"}'),"
            " (4, 'exception', 0, 'mail', NULL)"
        )
        await until(lambda: endpoint.jobs)

    assert [job["job_id"] for job in endpoint.jobs] == [1, 2]


async def test_only_what_was_chosen_is_posted(queries, endpoint, fail):
    async with leading(queries, outcomes="held", entrypoints="call, other"):
        await fail("mail", "call")
        await until(lambda: endpoint.jobs)

    assert [job["entrypoint"] for job in endpoint.jobs] == ["call"]


async def test_payload_and_traceback_are_posted_where_asked_for(queries, endpoint, fail):
    async with leading(queries, payload=1, traceback=1):
        await fail("call", payload=b"x" * 100)
        await until(lambda: endpoint.jobs)

    (job,) = endpoint.jobs
    assert base64.b64decode(job["payload"]) == b"x" * 100
    assert job["payload_size"] == 100
    assert "Traceback" in job["error"]["traceback"]


async def test_batches_have_a_bound_and_all_is_posted_once(queries, endpoint, fail):
    async with leading(queries, batch=3):
        ids = await fail(*["mail"] * 10)
        await until(lambda: len(endpoint.jobs) >= 10)

    assert sorted(job["job_id"] for job in endpoint.jobs) == ids
    assert max(len(message["data"]["jobs"]) for message in endpoint.accepted) <= 3


async def test_an_endpoint_that_fails_gets_the_same_message_later(
    queries, endpoint, fail, patient, caplog
):
    endpoint.replies = [(500, {}), (302, {"location": "/"}), (408, {}), (503, {})]
    async with leading(queries):
        await fail("mail")
        await until(lambda: endpoint.jobs)

    assert len(endpoint.requests) == 5
    assert len({headers["webhook-id"] for headers, _ in endpoint.requests}) == 1
    assert len({body for _, body in endpoint.requests}) == 1
    assert "500 Internal Server Error" in caplog.text
    assert "private-path" not in "".join(
        record.getMessage() for record in caplog.records if "webhook" in record.name
    )


async def test_an_endpoint_that_hangs_is_left_and_tried_again(queries, endpoint, fail, patient):
    endpoint.replies = [None]
    async with leading(queries, timeout=0.3):
        await fail("mail")
        await until(lambda: endpoint.jobs)

    assert len(endpoint.requests) == 2


async def test_the_endpoint_may_ask_for_time(queries, endpoint, fail, patient):
    endpoint.replies = [(429, {"retry-after": "1"})]
    async with leading(queries):
        await fail("mail")
        await until(lambda: endpoint.requests)
        before = time.monotonic()
        await until(lambda: endpoint.jobs)

    assert time.monotonic() - before > 0.7


async def test_what_is_refused_is_dropped_and_said(queries, endpoint, fail, patient, caplog):
    endpoint.replies = [(400, {})]
    async with leading(queries):
        await fail("mail")
        await until(lambda: "1 events" in caplog.text)
        (second,) = await fail("mail")
        await until(lambda: endpoint.jobs)

    assert "refused with 400" in caplog.text
    assert [job["job_id"] for job in endpoint.jobs] == [second]


async def test_what_nobody_takes_for_too_long_is_dropped_and_said(
    queries, endpoint, fail, patient, caplog
):
    endpoint.replies = [(500, {})] * 1000
    async with leading(queries, max_age=0.5):
        await fail("mail")
        await until(lambda: "dropped: too old" in caplog.text)
        endpoint.replies = []


async def test_what_failed_while_nobody_posted_is_posted_after_the_next_start(
    queries, endpoint, fail
):
    async with leading(queries):
        pass
    (failed,) = await fail("mail")
    async with leading(queries):
        await until(lambda: endpoint.jobs)

    assert [job["job_id"] for job in endpoint.jobs] == [failed]


async def test_what_failed_before_the_first_start_is_not_posted(queries, endpoint, fail):
    await fail("mail")
    async with leading(queries):
        (second,) = await fail("mail")
        await until(lambda: endpoint.jobs)

    assert [job["job_id"] for job in endpoint.jobs] == [second]


async def test_the_end_waits_for_what_is_left(queries, endpoint, fail):
    async with leading(queries):
        pass
    (failed,) = await fail("mail")
    async with service(queries, interval=3600):
        pass

    assert [job["job_id"] for job in endpoint.jobs] == [failed]


async def test_the_end_does_not_wait_for_an_endpoint_that_hangs(queries, endpoint, fail, caplog):
    endpoint.replies = [None, None]
    async with leading(queries, drain=0.1):
        (failed,) = await fail("mail")
        await until(lambda: endpoint.requests)
    assert "the next worker posts it" in caplog.text
    assert not endpoint.jobs

    endpoint.replies = []
    async with leading(queries):
        await until(lambda: endpoint.jobs)
    assert [job["job_id"] for job in endpoint.jobs] == [failed]


async def test_workers_share_the_work_and_each_job_is_posted_once(queries, endpoint, fail):
    async with AsyncExitStack() as stack:
        for _ in range(3):
            await stack.enter_async_context(leading(queries))
        ids = await fail(*["mail"] * 20)
        await until(lambda: len(endpoint.jobs) >= 20)

    assert sorted(job["job_id"] for job in endpoint.jobs) == ids


async def test_another_worker_goes_on_when_a_lease_has_ended(queries, queue_pool, endpoint, fail):
    async with leading(queries):
        pass
    await queue_pool.execute(
        "UPDATE pgqueuer_webhook SET owner = 'dead', leased_until = now() - interval '1 second'"
    )
    await fail("mail")
    async with leading(queries):
        await until(lambda: endpoint.jobs)


async def test_two_names_each_get_all(queries, endpoint, fail):
    async with leading(queries), leading(queries, name="other"):
        await fail("mail")
        await until(lambda: len(endpoint.jobs) == 2)

    assert {message["data"]["source"] for message in endpoint.accepted} == {"default", "other"}


INSERT = (
    "INSERT INTO pgqueuer_log (job_id, status, priority, entrypoint)"
    " VALUES ($1, 'exception', 0, 'mail')"
)


async def test_a_row_that_becomes_visible_after_later_ones_is_not_lost(
    queries, queue_dsn, queue_pool, endpoint
):
    connection = await asyncpg.connect(queue_dsn)
    try:
        async with leading(queries):
            slow = connection.transaction()
            await slow.start()
            await connection.execute(INSERT, 1)
            await queue_pool.execute(INSERT, 2)
            await until(lambda: endpoint.jobs)
            await queue_pool.execute(INSERT, 3)
            await until(lambda: len(endpoint.jobs) == 2)
            await slow.commit()
            await until(lambda: len(endpoint.jobs) == 3)
            # All three are behind the position, and nothing has to be remembered.
            await until_found(
                queries, "SELECT 1 FROM pgqueuer_webhook WHERE position = 3 AND posted = '{}'"
            )
    finally:
        await connection.close()

    assert [job["job_id"] for job in endpoint.jobs] == [2, 3, 1]


async def test_a_log_that_was_made_anew_is_read_from_its_beginning(
    queries, queue_pool, endpoint, fail
):
    async with leading(queries):
        await fail("mail")
        await until(lambda: endpoint.jobs)
    await queries.uninstall()
    await queries.install()
    await queue_pool.execute(INSERT, 77)
    async with leading(queries):
        await until(lambda: endpoint.jobs[-1]["job_id"] == 77)


@pytest.mark.parametrize("driver", ["psycopg"])
async def test_it_works_with_each_driver(queue_dsn, endpoint, fail, driver):
    async with AsyncExitStack() as stack:
        connecting = connect(driver, ConnectionSettings(dsn=queue_dsn))
        connection = await stack.enter_async_context(connecting)
        await stack.enter_async_context(leading(Queries(connection), payload=1))
        (held,) = await fail("call", payload=b"100%")
        await until(lambda: endpoint.jobs)

    assert [job["job_id"] for job in endpoint.jobs] == [held]


async def test_a_user_who_may_not_create_tables_is_told_what_to_do(queue_pool, queue_dsn, caplog):
    role = "webhook_without_rights"
    await queue_pool.execute(f"DROP ROLE IF EXISTS {role}")
    await queue_pool.execute(f"CREATE ROLE {role}")
    # Before PostgreSQL 15 everybody may create tables.
    await queue_pool.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    connection = await asyncpg.connect(queue_dsn)
    try:
        await connection.execute(f"SET ROLE {role}")
        async with service(Queries(AsyncpgDriver(connection))):
            await until(lambda: "pgq webhook install" in caplog.text)
    finally:
        await connection.close()
        await queue_pool.execute(f"DROP ROLE {role}")
