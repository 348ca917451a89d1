"""Statements that workers repeat are too cheap for JIT, with few jobs and with a million."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import asyncpg
import pytest

from pgqueuer.adapters.persistence.sqltext import Statements
from pgqueuer.domain.settings import DBSettings

JIT_ABOVE_COST = 100_000
ME = uuid4()
CALLS: dict[str, tuple[object, ...]] = {
    "claim": (1000, ["a", "b"], ME),
    "claim_after": (1000, ["a", "b"], ME, [5, 0], [5, 0], [500, 500]),
    "claim_limited": (1000, ["a", "b"], ME, [5, 0]),
    "claim_suspect": (["a", "b"], ME, [5, 0]),
    "outlook": (["a", "b"], [5, 0]),
    "keep_leases": (ME, list(range(1, 1001))),
    "reap": (timedelta(seconds=30), ["a", "b"], [5, 5], ME, "{}", "{}"),
    "recover_claims": (ME, list(range(1, 1001)), "{}"),
    "queued_work": (["a", "b"],),
    "eligible_queued_work": (["a", "b"],),
    "next_deferred_eta": (["a", "b"],),
    "settle_done": (list(range(1, 1001)), ME, "successful"),
    "settle": (
        list(range(1, 1001)),
        [ME] * 1000,
        ["successful"] * 1000,
        [None] * 1000,
        [timedelta(0)] * 1000,
        [1] * 1000,
        "{}",
    ),
}


@pytest.fixture
async def db(queue_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(queue_dsn)
    yield connection
    await connection.close(timeout=5)


@pytest.mark.parametrize("jobs", [10, 1_000_000])
async def test_what_workers_repeat_is_never_compiled(db: asyncpg.Connection, jobs: int) -> None:
    await db.execute(
        """
        INSERT INTO pgqueuer (priority, entrypoint, status, execute_after, queue_manager_id)
        SELECT
            n % 10,
            CASE WHEN n % 2 = 0 THEN 'a' ELSE 'b' END,
            CASE WHEN n % 1000 = 0 THEN 'picked' ELSE 'queued' END::pgqueuer_status,
            now() + CASE WHEN n % 5 = 0 THEN interval '1 hour' ELSE interval '0' END,
            CASE WHEN n % 1000 = 0 THEN gen_random_uuid() END
        FROM generate_series(1, $1::int) AS n
        """,
        jobs,
    )
    await db.execute("ANALYZE pgqueuer")
    statements = Statements(DBSettings())

    costs = {}
    for name, args in CALLS.items():
        answer = await db.fetchval(f"EXPLAIN (FORMAT json) {statements[name]}", *args)
        costs[name] = json.loads(answer)[0]["Plan"]["Total Cost"]

    assert {name: cost for name, cost in costs.items() if cost >= JIT_ABOVE_COST} == {}
