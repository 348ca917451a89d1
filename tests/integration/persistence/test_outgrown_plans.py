"""A queue that was small when a worker's statements were planned, and is deep now."""

from __future__ import annotations

from uuid import uuid4

from pgqueuer.adapters.persistence.replan import PAUSE, SMALL, PlanWatch
from pgqueuer.domain.lifecycle import ClaimRequest, EntrypointTerms
from pgqueuer.queries import Queries
from tests.support.open_queries import open_queries

ME = uuid4()
ENQUEUE = (
    "INSERT INTO pgqueuer (priority, entrypoint, status) "
    "SELECT 0, 'a', 'queued' FROM generate_series(1, {})"
)


async def test_claims_read_no_deep_queue_with_the_plan_for_a_small_one(queue_dsn: str) -> None:
    async with open_queries(queue_dsn) as queries:
        await queries.driver.execute("SET plan_cache_mode = force_generic_plan")
        await queries.driver.execute("VACUUM ANALYZE pgqueuer")
        assert await entries_read(queries) is None
        assert await claim(queries) == 0
        assert await rows_read_by_a_settlement(queries) == 0

        await queries.driver.execute(ENQUEUE.format(5_000))
        assert await entries_read(queries) == 0
        assert await rows_read_by_a_settlement(queries) == 5_000
        assert [await claim(queries), await claim(queries)] == [2, 2]

        assert await entries_read(queries) in range(2, 10)
        assert await rows_read_by_a_settlement(queries) == 0


async def claim(queries: Queries) -> int:
    request = ClaimRequest(owner=ME, batch_size=2, entrypoints={"a": EntrypointTerms()})
    return len(await queries.claim(request))


async def entries_read(queries: Queries) -> object:
    """How many entries of the index of the backlog a claim reads now, if it finds jobs."""
    rows = await queries.driver.fetch(queries.statements["claim_one_entrypoint"], 2, "a", ME)
    return rows[0]["scanned"] if rows else None


async def rows_read_by_a_settlement(queries: Queries) -> int:
    """How many rows it reads without an index."""
    await queries.driver.execute("BEGIN")
    try:
        before = await rows_read(queries)
        await queries.driver.fetch(queries.statements["settle_done"], [1, 2], ME, "successful")
        return await rows_read(queries) - before
    finally:
        await queries.driver.execute("ROLLBACK")


async def rows_read(queries: Queries) -> int:
    count = "SELECT pg_stat_get_xact_tuples_returned('pgqueuer'::regclass) AS number"
    [row] = await queries.driver.fetch(count)
    return int(str(row["number"]))


def test_the_size_of_a_queue_that_has_work_is_asked_now_and_then() -> None:
    now = 0.0
    watch = PlanWatch(lambda: now)
    assert not watch.wants_size()

    watch.claimed(jobs=10)
    assert [watch.wants_size(), watch.wants_size()] == [True, False]
    now += PAUSE
    assert watch.wants_size()

    now += PAUSE
    watch.claimed(jobs=0)
    assert not watch.wants_size()


def test_plans_are_made_anew_each_time_that_a_queue_doubles() -> None:
    watch = PlanWatch()
    sizes = [1, SMALL, 1000, 1000, 1999, 2000]

    assert [watch.outgrown(pages) for pages in sizes] == [False, False, True, False, False, True]


def test_a_queue_that_became_small_again_can_outgrow_its_plans_again() -> None:
    watch = PlanWatch()

    assert [watch.outgrown(pages) for pages in (1000, 0, 100)] == [True, False, True]
