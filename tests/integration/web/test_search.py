"""A search in a deep queue: what it finds, and how much it looks at."""

from __future__ import annotations

import json

import httpx
import pytest

from pgqueuer.ports.repository import SEARCHED_JOBS
from pgqueuer.queries import Queries

DEPTH = 100_000


@pytest.fixture
async def oldest(queries: Queries) -> int:
    """The id of the oldest of many jobs; only its payload has the text "needle" in it."""
    (job_id,) = await queries.enqueue("old", b'{"find": "needle"}')
    await queries.driver.execute(
        "INSERT INTO pgqueuer (priority, created, updated, execute_after, status, entrypoint,"
        " payload, headers) SELECT 0, now(), now(), now(), 'queued', 'mail',"
        " convert_to(repeat('hay ', 20), 'UTF8'), '{\"a\": \"b\"}'"
        f" FROM generate_series(1, {DEPTH})"
    )
    await queries.driver.execute("ANALYZE pgqueuer")
    assert job_id is not None
    return job_id


def examined(plan: dict[str, object]) -> list[float]:
    """The rows that each node of a plan found or threw away in one go."""
    rows = [float(str(plan[key])) for key in plan if key.startswith(("Actual Rows", "Rows Rem"))]
    children = plan.get("Plans", [])
    assert isinstance(children, list)
    return [*rows, *(number for child in children for number in examined(child))]


@pytest.mark.parametrize("text", ["needle", "hay"])
async def test_a_search_looks_into_the_newest_jobs_only(
    queries: Queries, oldest: int, text: str
) -> None:
    statement = queries.statements["insight_search"]
    [row] = await queries.driver.fetch(
        f"EXPLAIN (ANALYZE, FORMAT json) {statement}",
        *(50, 0, None, None, False, text, SEARCHED_JOBS),
    )

    (plan,) = json.loads(str(row["QUERY PLAN"]))

    assert max(examined(plan["Plan"])) <= SEARCHED_JOBS


async def test_an_old_job_is_found_by_its_id_and_among_those_of_its_entrypoint(
    visitor: httpx.AsyncClient, oldest: int
) -> None:
    async def finds(**query: str) -> bool:
        answer = await visitor.get("/jobs", params=query)
        assert "newest 20,000 jobs" in answer.text
        return f'/queue/jobs/{oldest}"' in answer.text

    assert not await finds(search="needle")
    assert await finds(search=str(oldest))
    assert not await finds(search=str(oldest), status="picked")
    assert await finds(search="needle", entrypoint="old")
