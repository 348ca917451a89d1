"""A worker on a channel on which somebody else sends garbage."""

from __future__ import annotations

import asyncio
import json
from collections import Counter

import asyncpg
import pytest

from pgqueuer import Job, PgQueuer
from tests.support.kernel import listening, until, working
from tests.support.open_queries import open_queries

JOBS, BATCH = 300, 30
CANCEL = {"type": "cancellation_event", "channel": "x", "sent_at": "2024-01-01T00:00:00+00:00"}
GARBAGE = [
    "",
    "garbage",
    "x" * 7900,
    "[" * 7900,
    "[" * 3900 + "]" * 3900,
    '{"a":' * 1200 + "1" + "}" * 1200,
    "null",
    "1e999",
    "\ufffe\u202e🐘" * 700,
    '{"type": "table_changed_event", "operation": "insert"}',
    '{"type": "table_changed_event", "operation": {"operation": "insert"}}',
    '{"type": "health_check_event", "id": "00000000-0000-0000-0000-000000000000"}',
    *(
        json.dumps(CANCEL | {"ids": ids})
        for ids in (
            None, "1", ["1", "2"], [True], [1.5], [-1, 0, -(2**63)], [2**63, 2**200], [[1]],
            list(range(100_000, 100_900)), {"1": 1},
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize("driver", ["asyncpg", "pool", "psycopg"])
async def test_every_job_completes_while_strangers_flood_the_channel(queue_dsn, driver, caplog):
    ran = Counter[int]()
    ids: list[int] = []
    stranger = await asyncpg.connect(queue_dsn)
    async with open_queries(queue_dsn, driver) as queries:
        pgq = PgQueuer(queries.driver, queries=queries)

        @pgq.entrypoint("job")
        async def job(job: Job) -> None:
            ran[job.id] += 1
            await asyncio.sleep(0)

        def all_ran() -> bool:
            return len(ran) == len(ids)

        async def flood() -> None:
            while True:
                await stranger.executemany(
                    "SELECT pg_notify('ch_pgqueuer', $1)", [(each,) for each in GARBAGE]
                )

        async with working(pgq) as worker:
            await listening(pgq.qm)
            flooding = asyncio.create_task(flood())
            while len(ids) < JOBS:
                ids += await queries.enqueue(["job"] * BATCH, [None] * BATCH)
                await until(all_ran)
            await listening(pgq.qm)
            assert not flooding.done()
            flooding.cancel()
            assert not worker.done()
        await stranger.close()
        ends = Counter(row.status for row in await queries.queue_log() if row.status != "queued")
    assert ran == Counter(ids)
    assert ends == {"picked": JOBS, "successful": JOBS}
    complaints = [each for each in caplog.records if "no event" in each.getMessage()]
    assert 1 <= len(complaints) <= 3


async def test_a_stranger_cancels_what_it_lists_and_nothing_else(queue_dsn):
    stranger = await asyncpg.connect(queue_dsn)
    async with open_queries(queue_dsn) as queries:
        pgq = PgQueuer(queries.driver, queries=queries)
        ended: list[bytes | None] = []
        gate = asyncio.Event()

        @pgq.entrypoint("job")
        async def job(job: Job) -> None:
            with pgq.qm.get_context(job.id).cancellation:
                await gate.wait()
            ended.append(job.payload)

        ids = await queries.enqueue(["job"] * 3, [b"0", b"1", b"2"])
        async with working(pgq):
            await until(lambda: len(pgq.qm.job_context) == 3)
            await listening(pgq.qm)
            message = json.dumps(CANCEL | {"ids": [ids[1], -ids[0]]})
            await stranger.execute("SELECT pg_notify('ch_pgqueuer', $1)", message)
            await until(lambda: ended == [b"1"])
            gate.set()
        ends = {row.job_id: row.status for row in await queries.queue_log()}
    await stranger.close()
    assert [ends[each] for each in ids] == ["successful", "canceled", "successful"]
