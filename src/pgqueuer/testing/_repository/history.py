"""The log and the statistics: every transition once, in order, however many count."""

from __future__ import annotations

import asyncio
from collections import Counter

from pgqueuer.domain.models import utc_now
from pgqueuer.domain.types import JOB_STATUS, JobId
from pgqueuer.testing._repository.kit import (
    HOUR,
    OTHER,
    WORK,
    RepositoryKit,
    Store,
    claim,
    claim_one,
    enqueue,
    enqueue_one,
    expire,
    settle,
    worker,
)


async def _counts(repository: Store) -> Counter[tuple[str, int, JOB_STATUS]]:
    totals: Counter[tuple[str, int, JOB_STATUS]] = Counter()
    for row in await repository.log_statistics(None):
        totals[row.entrypoint, row.priority, row.status] += row.count
    return totals


async def _some_work(repository: Store) -> None:
    """Six jobs: four successful, one failed, one queued again."""
    me = worker()
    ids = await enqueue(repository, *[None] * 6)
    await claim(repository, me)
    await settle(repository, me, "successful", *ids[:4])
    await settle(repository, me, "failed", ids[4])
    await settle(repository, me, "queued", ids[5])


SOME_WORK = {
    (WORK, 0, "queued"): 7,
    (WORK, 0, "picked"): 6,
    (WORK, 0, "successful"): 4,
    (WORK, 0, "failed"): 1,
}


class HistoryTests(RepositoryKit):
    async def test_every_transition_is_logged_in_order(self, repository: Store) -> None:
        me = worker()
        job_id = await enqueue_one(repository, priority=3)
        await claim_one(repository, me)
        await settle(repository, me, "queued", job_id)
        await claim_one(repository, me)
        await expire(repository)
        await claim_one(repository, me)
        await settle(repository, me, "failed", job_id)
        await repository.requeue_jobs([job_id])
        await claim_one(repository, me)
        await settle(repository, me, "successful", job_id)

        log = await repository.queue_log()

        assert [entry.status for entry in log] == [
            "queued",
            "picked",
            "queued",
            "picked",
            "queued",
            "picked",
            "failed",
            "queued",
            "picked",
            "successful",
        ]
        assert {(entry.job_id, entry.entrypoint, entry.priority) for entry in log} == {
            (job_id, WORK, 3)
        }
        assert [entry.created for entry in log] == sorted(entry.created for entry in log)
        assert log[-1].created <= utc_now() + HOUR

    async def test_the_status_of_jobs_is_their_newest(self, repository: Store) -> None:
        me = worker()
        ids = await enqueue(repository, *[None] * 4)
        await claim(repository, me, 3)
        await settle(repository, me, "successful", ids[0])
        await settle(repository, me, "queued", ids[1])
        unknown = JobId(ids[-1] + 1000)

        rows = await repository.job_status([*ids, unknown, ids[0]])

        assert sorted((row.job_id, row.status) for row in rows) == [
            (ids[0], "successful"),
            (ids[1], "queued"),
            (ids[2], "picked"),
            (ids[3], "queued"),
        ]
        assert await repository.job_status([]) == []

    async def test_statistics_count_every_transition(self, repository: Store) -> None:
        await _some_work(repository)

        assert await _counts(repository) == SOME_WORK
        assert await _counts(repository) == SOME_WORK

    async def test_folding_again_counts_nothing_twice(self, repository: Store) -> None:
        await _some_work(repository)
        await repository.aggregate_logs()
        await repository.aggregate_logs()
        assert {entry.aggregated for entry in await repository.queue_log()} == {True}
        await enqueue_one(repository)
        await repository.aggregate_logs()

        assert await _counts(repository) == SOME_WORK | {(WORK, 0, "queued"): 8}

    async def test_folding_and_reading_at_the_same_time_counts_once(
        self, peers: list[Store]
    ) -> None:
        await _some_work(peers[0])
        for _ in range(3):
            await asyncio.gather(
                *(peer.aggregate_logs() for peer in peers),
                *(peer.log_statistics(None) for peer in peers),
                *(enqueue(peer, None, entrypoint=OTHER) for peer in peers),
            )

        expected = SOME_WORK | {(OTHER, 0, "queued"): 3 * len(peers)}
        assert await _counts(peers[0]) == expected

    async def test_readers_at_the_same_time_see_the_same_counts(self, peers: list[Store]) -> None:
        await _some_work(peers[0])

        counts = await asyncio.gather(*(_counts(peer) for peer in peers * 2))

        assert counts == [SOME_WORK] * len(counts)

    async def test_statistics_come_newest_first_and_cut(self, repository: Store) -> None:
        await repository.enqueue([WORK] * 3, [None] * 3, [1, 2, 3])

        rows = await repository.log_statistics(None)

        assert [row.created for row in rows] == sorted((row.created for row in rows), reverse=True)
        assert {row.created.microsecond for row in rows} == {0}
        assert len(rows) == 3
        assert await repository.log_statistics(2) == rows[:2]
        assert await repository.log_statistics(10, HOUR) == rows

    async def test_statistics_of_entrypoints_can_be_cleared(self, repository: Store) -> None:
        await repository.enqueue([WORK, OTHER, "third"], [None] * 3)
        await repository.aggregate_logs()

        await repository.clear_statistics_log(WORK)
        assert set(await _counts(repository)) == {(OTHER, 0, "queued"), ("third", 0, "queued")}
        await repository.clear_statistics_log([OTHER])
        assert set(await _counts(repository)) == {("third", 0, "queued")}
        await repository.clear_statistics_log()

        assert await repository.log_statistics(None) == []
        assert len(await repository.queue_log()) == 3
