"""Deleting old history: jobs in the queue keep their newest row, and nothing is counted less."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from pgqueuer.domain.retention import PruneRequest
from pgqueuer.testing._repository.kit import (
    AT_ONCE,
    HOUR,
    RepositoryKit,
    Store,
    claim,
    enqueue,
    history,
    settle,
    worker,
)

if TYPE_CHECKING:
    from pgqueuer.domain.retention import PruneStep
    from pgqueuer.domain.types import JOB_STATUS, JobId

EVERYTHING = PruneRequest(older_than=AT_ONCE)


async def _one_of_each(repository: Store) -> list[JobId]:
    """Five more jobs: successful, failed for good, held, picked and queued again."""
    me = worker()
    ids = await enqueue(repository, *[None] * 5)
    await claim(repository, me)
    await settle(repository, me, "successful", ids[0])
    await settle(repository, me, "exception", ids[1])
    await settle(repository, me, "failed", ids[2])
    await settle(repository, me, "queued", ids[4])
    return ids


async def _counts(repository: Store) -> Counter[JOB_STATUS]:
    totals: Counter[JOB_STATUS] = Counter()
    for row in await repository.log_statistics(None):
        totals[row.status] += row.count
    return totals


async def _prune(repository: Store, request: PruneRequest = EVERYTHING) -> PruneStep:
    return await repository.prune_log_step(request)


class PruningTests(RepositoryKit):
    @pytest.fixture
    def can_prune_or_skip(self) -> None:
        """Skips the test where the store does not prune."""
        if not self.can_prune:
            pytest.skip("This store does not prune.")

    @pytest.mark.usefixtures("can_prune_or_skip")
    async def test_only_jobs_in_the_queue_keep_a_row(self, repository: Store) -> None:
        ids = await _one_of_each(repository)

        step = await _prune(repository)

        assert (step.deleted, step.resume) == (11, None)
        assert [await history(repository, job_id) for job_id in ids] == [
            [],
            [],
            ["failed"],
            ["picked"],
            ["queued"],
        ]
        assert [(row.job_id, row.status) for row in await repository.job_status(ids)] == [
            (ids[2], "failed"),
            (ids[3], "picked"),
            (ids[4], "queued"),
        ]
        assert (await _prune(repository)).deleted == 0

    @pytest.mark.usefixtures("can_prune_or_skip")
    async def test_jobs_are_never_pruned(self, repository: Store) -> None:
        await _one_of_each(repository)
        before = await repository.queue_size()

        await _prune(repository)

        assert await repository.queue_size() == before

    @pytest.mark.usefixtures("can_prune_or_skip")
    async def test_young_rows_stay(self, repository: Store) -> None:
        await _one_of_each(repository)
        before = await repository.queue_log()

        assert (await _prune(repository, PruneRequest(older_than=HOUR))).deleted == 0

        assert await repository.queue_log() == before

    @pytest.mark.usefixtures("can_prune_or_skip")
    async def test_a_dry_run_counts_and_deletes_nothing(self, repository: Store) -> None:
        await _one_of_each(repository)
        before = await repository.queue_log()

        step = await _prune(repository, PruneRequest(older_than=AT_ONCE, dry_run=True))

        assert step.deleted == 11
        assert await repository.queue_log() == before

    @pytest.mark.usefixtures("can_prune_or_skip")
    async def test_what_was_not_counted_is_counted_once(self, repository: Store) -> None:
        await _one_of_each(repository)
        await repository.aggregate_logs()
        await _one_of_each(repository)

        await _prune(repository)
        await repository.aggregate_logs()

        expected = {"queued": 12, "picked": 11, "successful": 2, "exception": 2, "failed": 2}
        assert await _counts(repository) == expected

    @pytest.mark.usefixtures("can_prune_or_skip")
    async def test_pruning_folding_and_reading_at_the_same_time_count_once(
        self, peers: list[Store]
    ) -> None:
        for _ in range(3):
            await _one_of_each(peers[0])
            await asyncio.gather(
                *(_prune(peer) for peer in peers),
                *(peer.aggregate_logs() for peer in peers),
                *(peer.log_statistics(None) for peer in peers),
            )

        expected = {"queued": 18, "picked": 17, "successful": 3, "exception": 3, "failed": 3}
        assert await _counts(peers[0]) == expected

    @pytest.mark.usefixtures("can_prune_or_skip")
    async def test_statistics_are_pruned_by_age(self, repository: Store) -> None:
        await _one_of_each(repository)
        await repository.aggregate_logs()
        young = PruneRequest(older_than=HOUR)
        assert (await repository.prune_statistics_step(young)).deleted == 0
        rows = len(await repository.log_statistics(None))

        dry = PruneRequest(older_than=AT_ONCE, dry_run=True)
        assert (await repository.prune_statistics_step(dry)).deleted == rows
        assert (await repository.prune_statistics_step(EVERYTHING)).deleted == rows

        assert await repository.log_statistics(None) == []
