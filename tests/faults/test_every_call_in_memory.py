"""Each call that a worker makes of its store fails once, in each way; the store is in memory."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

import pytest

from pgqueuer import InMemoryDriver, InMemoryQueries
from pgqueuer.errors import UnwrittenOutcomesError
from tests.faults.lives import Life, run
from tests.support.faults import (
    DRIVER_CALLS,
    LOST_ANSWER,
    PASSING,
    REFUSED,
    STORE_CALLS,
    SUSPENDED,
    CanceledAt,
    Fault,
    Faults,
    ServerRefused,
)

LONGEST = 24
"""More calls than the worker makes; those that it never comes to are left out."""


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Thousands of tracebacks take longer than the workers."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


def store() -> InMemoryQueries:
    return InMemoryQueries(InMemoryDriver())


def broken(queries: InMemoryQueries, at: int | None, fault: Fault, length: int = 1) -> Faults:
    faults = Faults(at, fault, length)
    faults.within(queries, STORE_CALLS)
    faults.within(queries.driver, DRIVER_CALLS)
    return faults


async def live(
    at: int, fault: Fault, stop_after: int | None, length: int = 1
) -> tuple[bool, list[str]]:
    """One worker with a fault, then a sound one for what is left; whether it was hit, and what
    is wrong."""
    life = Life("life", stop_after)
    table = store()
    await life.enqueue(table)
    manager = life.worker(table)
    faults = broken(table, at, fault, length)
    told: str | None = None
    try:
        async with asyncio.timeout(30):
            await run(manager, drain=stop_after is None)
    except UnwrittenOutcomesError as error:
        told = str(error)
    except (ConnectionError, ServerRefused) as error:
        assert not life.started, "only what a worker needs to begin may end it"
        told = str(error)
    faults.at = None
    found = await life.picked(table)
    if stop_after is None and told is None and not await life.finished(table):
        found.append("the drain ended before its jobs")
    await life.finish(table)
    found += await life.problems(table) + life.more_runs_than_needed()
    what = f"{fault.name} at {at} {faults.hit} stop={stop_after}: "
    return bool(faults.hit), [what + problem for problem in found]


@pytest.mark.parametrize("stop_after", [None, 1, 7])
@pytest.mark.parametrize("fault", PASSING, ids=lambda fault: fault.name)
async def test_a_fault_at_any_call_loses_nothing(fault: Fault, stop_after: int | None) -> None:
    ended = await asyncio.gather(*(live(at, fault, stop_after) for at in range(LONGEST)))

    assert sum(hit for hit, _ in ended) > 8
    assert [problem for _, problems in ended for problem in problems] == []


@pytest.mark.parametrize("length", [2, 5])
@pytest.mark.parametrize("fault", [REFUSED, LOST_ANSWER], ids=lambda fault: fault.name)
async def test_an_outage_from_any_call_on_loses_nothing(fault: Fault, length: int) -> None:
    ended = await asyncio.gather(*(live(at, fault, None, length) for at in range(LONGEST)))

    assert sum(hit for hit, _ in ended) > 8
    assert [problem for _, problems in ended for problem in problems] == []


async def canceled(at: int, stop_after: int | None) -> tuple[bool, list[str]]:
    """As `live`, but the worker is canceled where it waits for the n-th time."""
    life = Life("life", stop_after)
    table = store()
    await life.enqueue(table)
    broken(table, 0, SUSPENDED, 100_000)
    work = CanceledAt(run(life.worker(table), drain=stop_after is None), at)

    async def main() -> None:
        await work

    hit = False
    try:
        async with asyncio.timeout(30):
            await asyncio.create_task(main())
    except (asyncio.CancelledError, UnwrittenOutcomesError):
        hit = True
    found = await life.picked(table)
    if work.waits > at and not hit:
        found.append("the cancellation was swallowed")
    await life.finish(table)
    found += await life.problems(table)
    return hit, [f"canceled at {at} stop={stop_after}: {problem}" for problem in found]


@pytest.mark.parametrize("stop_after", [None, 1, 7])
async def test_a_cancellation_at_any_await_leaves_no_job_behind(stop_after: int | None) -> None:
    ended = await asyncio.gather(*(canceled(at, stop_after) for at in range(60)))

    assert sum(hit for hit, _ in ended) > 8
    assert [problem for _, problems in ended for problem in problems] == []
