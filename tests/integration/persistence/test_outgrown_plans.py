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

        await queries.driver.execute(ENQUEUE.format(5_000))
        assert await entries_read(queries) == 0
        assert [await claim(queries), await claim(queries)] == [2, 2]

        assert await entries_read(queries) in range(2, 10)


async def claim(queries: Queries) -> int:
    request = ClaimRequest(owner=ME, batch_size=2, entrypoints={"a": EntrypointTerms()})
    return len(await queries.claim(request))


async def entries_read(queries: Queries) -> object:
    """How many entries of the index of the backlog a claim reads now, if it finds jobs."""
    rows = await queries.driver.fetch(queries.statements["claim"], 2, ["a"], ME)
    return rows[0]["scanned"] if rows else None


def test_the_size_is_asked_now_and_then_while_claims_read_the_whole_queue() -> None:
    now = 0.0
    watch = PlanWatch(lambda: now)
    assert not watch.wants_size()

    watch.claimed(jobs=10, scanned=0)
    assert [watch.wants_size(), watch.wants_size()] == [True, False]
    now += PAUSE
    assert watch.wants_size()

    now += PAUSE
    watch.claimed(jobs=10, scanned=20)
    assert not watch.wants_size()


def test_plans_are_made_anew_each_time_that_a_queue_doubles() -> None:
    watch = PlanWatch()
    sizes = [1, SMALL, 1000, 1000, 1999, 2000]

    assert [watch.outgrown(pages) for pages in sizes] == [False, False, True, False, False, True]


def test_a_queue_that_became_small_again_can_outgrow_its_plans_again() -> None:
    watch = PlanWatch()
    assert watch.outgrown(1000)

    watch.claimed(jobs=10, scanned=20)

    assert watch.outgrown(800)
