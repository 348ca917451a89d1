"""Reports for people and dashboards."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from pgqueuer.domain.types import JOB_STATUS, JobId
from pgqueuer.metrics.prometheus import HealthSource
from pgqueuer.testing._repository.kit import (
    AT_ONCE,
    HOUR,
    OTHER,
    WORK,
    RepositoryKit,
    Store,
    claim,
    claim_one,
    enqueue,
    enqueue_one,
    record_of,
    settle,
    worker,
)

DAY = timedelta(days=1)


class InsightTests(RepositoryKit):
    @pytest.fixture
    async def reports(self, repository: Store) -> Store:
        """The store, if it has reports."""
        if not self.has_insights:
            pytest.skip("this store has no insights")
        return repository

    async def test_queue_age_counts_queued_jobs_deferred_ones_included(
        self, reports: Store
    ) -> None:
        await reports.enqueue([WORK, WORK, OTHER], [None] * 3, execute_after=[None, HOUR, None])
        oldest = await claim_one(reports, worker())

        ages = await reports.queue_age()

        assert [(age.entrypoint, age.queued_count) for age in ages] == [(OTHER, 1), (WORK, 1)]
        for age in ages:
            assert age.oldest_created >= oldest.created
            assert 0 <= age.avg_age_seconds <= age.oldest_age_seconds < HOUR.total_seconds()

    async def test_health_has_jobs_that_could_run_and_those_that_run(self, reports: Store) -> None:
        if not isinstance(reports, HealthSource):
            pytest.skip("this store does not tell how long jobs wait")
        me = worker()
        await reports.enqueue([WORK, OTHER], [None] * 2, execute_after=[None, HOUR])

        later, waiting = await reports.entrypoint_health()

        assert (later.entrypoint, later.waiting_seconds) == (OTHER, 0)
        assert (waiting.entrypoint, waiting.silent_seconds) == (WORK, 0)
        assert 0 <= waiting.waiting_seconds < HOUR.total_seconds()
        await claim_one(reports, me)
        picked = (await reports.entrypoint_health())[1]
        assert picked.waiting_seconds == 0
        assert 0 <= picked.silent_seconds < HOUR.total_seconds()
        assert await reports.oldest_transaction() >= 0

    async def test_active_workers_are_seen_from_what_they_hold(self, reports: Store) -> None:
        busy, calm = worker(), worker()
        await reports.enqueue([WORK, WORK, OTHER, OTHER], [None] * 4, [9, 9, 9, 0])
        held = await claim(reports, busy, 3, WORK, OTHER)
        await claim(reports, calm, 1, OTHER)

        first, second = await reports.active_workers()

        assert (first.queue_manager_id, first.active_jobs) == (busy, 3)
        assert first.entrypoints == sorted([WORK, OTHER])
        assert first.oldest_heartbeat == first.newest_heartbeat == held[0].heartbeat
        assert (second.queue_manager_id, second.active_jobs) == (calm, 1)

    async def test_stale_jobs_are_picked_jobs_by_their_last_heartbeat(self, reports: Store) -> None:
        me = worker()
        ids = await enqueue(reports, *[None] * 4)
        for _ in range(3):
            await claim(reports, me, 1)
        await reports.keep_leases(me, ids[:1])

        stale = await reports.stale_jobs(AT_ONCE)

        assert [job.id for job in stale] == [ids[1], ids[2], ids[0]]
        assert {(job.status, job.queue_manager_id) for job in stale} == {("picked", me)}
        assert all(0 <= job.seconds_since_heartbeat < HOUR.total_seconds() for job in stale)
        assert [job.id for job in await reports.stale_jobs(AT_ONCE, 1)] == [ids[1]]
        assert await reports.stale_jobs(HOUR) == []

    async def test_the_queue_is_browsed_newest_first(self, reports: Store) -> None:
        me = worker()
        ids = await reports.enqueue([WORK, OTHER, WORK, OTHER], [None] * 4)
        await claim(reports, me, 1)

        assert [job.id for job in await reports.browse_queue()] == ids[::-1]
        assert [job.id for job in await reports.browse_queue(2, 1)] == [ids[2], ids[1]]
        picked = await reports.browse_queue(statuses=["picked", "failed"])
        assert [(job.id, job.queue_manager_id) for job in picked] == [(ids[0], me)]
        others = await reports.browse_queue(entrypoints=[OTHER], statuses=["queued"])
        assert [job.id for job in others] == [ids[3], ids[1]]
        assert await reports.browse_queue(entrypoints=["nobody"]) == []
        assert await reports.browse_queue(statuses=[]) == []

    async def test_payloads_are_left_out_of_a_list_that_does_not_want_them(
        self, reports: Store
    ) -> None:
        await reports.enqueue(WORK, b"large")

        for search in (None, "large"):
            (full,) = await reports.browse_queue(search=search)
            (listed,) = await reports.browse_queue(search=search, payloads=False)
            assert full.payload == b"large"
            assert listed == full.model_copy(update={"payload": None})

    async def test_the_queue_is_searched_by_id_entrypoint_headers_and_payload(
        self, reports: Store
    ) -> None:
        ids = await reports.enqueue(
            [WORK, OTHER, WORK],
            [b"100% sure", b"\xff Bob\x00", None],
            headers=[None, {"to": "Ann"}, None],
        )

        async def found(text: str) -> list[JobId | None]:
            return [job.id for job in await reports.browse_queue(search=text)]

        assert await found(str(ids[2])) == [ids[2]]
        assert await found(OTHER.upper()) == [ids[1]]
        assert await found("ann") == [ids[1]]
        assert await found("Bob") == [ids[1]]
        assert await found("100% s") == [ids[0]]
        assert await found("100_") == []
        narrowed = await reports.browse_queue(entrypoints=[WORK], search="Bob")
        assert narrowed == []

    async def test_a_job_is_found_while_it_is_in_the_queue(self, reports: Store) -> None:
        me = worker()
        (job_id,) = await reports.enqueue(WORK, b"x", headers={"a": [1]}, priority=2)
        assert job_id is not None
        queued = await reports.queue_job_by_id(job_id)
        assert queued is not None
        assert (queued.payload, queued.headers, queued.priority) == (b"x", {"a": [1]}, 2)
        picked = await claim_one(reports, me)
        assert await reports.queue_job_by_id(job_id) == picked
        await settle(reports, me, "successful", job_id)

        assert await reports.queue_job_by_id(job_id) is None
        assert await reports.queue_job_by_id(JobId(job_id + 1000)) is None

    async def test_the_history_of_a_job_is_newest_first_and_cut(self, reports: Store) -> None:
        me = worker()
        job_id, other = await enqueue(reports, None, None)
        await claim(reports, me)
        await settle(reports, me, "successful", other)
        await settle(reports, me, "exception", job_id)

        history = await reports.job_log_history(job_id)

        assert [entry.status for entry in history] == ["exception", "picked", "queued"]
        assert {entry.job_id for entry in history} == {job_id}
        assert await reports.job_log_history(job_id, 2) == history[:2]

    async def test_exceptions_are_listed_newest_first(self, reports: Store) -> None:
        me = worker()
        ids = await enqueue(reports, *[None] * 4)
        for job in await claim(reports, me):
            if job.id == ids[1]:
                await settle(reports, me, "successful", job.id)
                continue
            await reports.log_jobs([(job, "exception", record_of(job.id, f"no {job.id}"))])

        entries = await reports.exception_logs()

        assert [entry.job_id for entry in entries] == [ids[3], ids[2], ids[0]]
        assert entries[0].traceback is not None
        assert entries[0].traceback.exception_message == f"no {ids[3]}"
        assert await reports.exception_logs(1) == entries[:1]

    async def test_durations_are_from_claim_to_outcome(self, reports: Store) -> None:
        me = worker()
        ids = await enqueue(reports, *[None] * 5)
        await claim(reports, me)
        await settle(reports, me, "successful", *ids[:2])
        await settle(reports, me, "failed", ids[2])
        await settle(reports, me, "queued", ids[3])
        await reports.mark_job_as_cancelled([await enqueue_one(reports, OTHER)])

        (durations,) = await reports.job_duration_percentiles(HOUR)

        assert (durations.entrypoint, durations.completed) == (WORK, 3)
        assert (
            0
            <= durations.p50_seconds
            <= durations.p95_seconds
            <= durations.p99_seconds
            <= durations.max_seconds
            < HOUR.total_seconds()
        )
        assert await reports.job_duration_percentiles(timedelta(0)) == []

    async def test_latency_is_reported_by_steps_of_the_clock(self, reports: Store) -> None:
        me = worker()
        ids = await enqueue(reports, *[None] * 3)
        await claim(reports, me)
        await settle(reports, me, "successful", *ids[:2])

        buckets = await reports.latency_timeseries(HOUR, DAY)

        assert all(bucket.bucket.timestamp() % DAY.total_seconds() == 0 for bucket in buckets)
        assert buckets == sorted(buckets, key=lambda bucket: bucket.bucket)
        waits = [bucket for bucket in buckets if bucket.wait_p50_seconds is not None]
        runs = [bucket for bucket in buckets if bucket.run_p95_seconds is not None]
        assert len(waits) in {1, 2}  # two at midnight
        assert len(runs) == 1
        for bucket in waits:
            assert 0 <= (bucket.wait_p50_seconds or 0) <= (bucket.wait_p95_seconds or 0)
        assert 0 <= (runs[0].run_p50_seconds or 0) <= (runs[0].run_p95_seconds or 0)
        assert await reports.latency_timeseries(timedelta(0), DAY) == []

    async def test_failures_are_grouped_by_their_exception(self, reports: Store) -> None:
        me = worker()
        ids = await enqueue(reports, *[None] * 4)
        jobs = {job.id: job for job in await claim(reports, me)}
        outcomes: list[JOB_STATUS] = ["failed", "exception", "failed", "failed"]
        for job_id, status in zip(ids, outcomes, strict=True):
            record = None if job_id == ids[3] else record_of(job_id, f"no {job_id}")
            await reports.log_jobs([(jobs[job_id], status, record)])

        groups = {group.exception_type: group for group in await reports.failure_groups(HOUR)}

        known = groups[record_of(ids[0], "").exception_type]
        assert (known.entrypoint, known.count, known.held) == (WORK, 3, [ids[0], ids[2]])
        assert (known.newest_message, known.newest_job) == (f"no {ids[2]}", ids[2])
        assert known.first_seen <= known.last_seen
        assert (groups[None].count, groups[None].held) == (1, [ids[3]])
        assert [group.held for group in await reports.failure_groups(HOUR, 1)] == [[ids[3]], []]
        ended_are_old = await reports.failure_groups(timedelta(0))
        assert sum(group.count for group in ended_are_old) == 3

    async def test_throughput_counts_transitions_folded_or_not(self, reports: Store) -> None:
        me = worker()
        ids = await enqueue(reports, *[None] * 3)
        await reports.aggregate_logs()
        await claim(reports, me)
        await settle(reports, me, "successful", *ids[:2])
        await enqueue_one(reports, OTHER)
        expected = {
            (WORK, "queued"): 3,
            (WORK, "picked"): 3,
            (WORK, "successful"): 2,
            (OTHER, "queued"): 1,
        }

        for last in (None, HOUR):
            summary = await reports.throughput_summary(last)
            assert len(summary) == len(expected)
            assert {(row.entrypoint, row.status): row.total_count for row in summary} == expected
        totals: Counter[tuple[str, str]] = Counter()
        for bucket in await reports.throughput_timeseries(HOUR):
            assert (bucket.bucket.second, bucket.bucket.microsecond) == (0, 0)
            totals[bucket.entrypoint, bucket.status] += bucket.count
        assert totals == expected

    async def test_what_is_not_folded_yet_is_counted(self, reports: Store) -> None:
        assert await reports.unaggregated_log_count() == 0
        await enqueue(reports, None, None)
        assert await reports.unaggregated_log_count() == 2
        await reports.aggregate_logs()

        assert await reports.unaggregated_log_count() == 0

    async def test_the_tables_are_listed_by_name(self, reports: Store) -> None:
        settings = reports.qbe.settings

        tables = await reports.schema_info()

        assert sorted(table.table_name for table in tables) == sorted(
            [
                settings.queue_table,
                settings.queue_table_log,
                settings.statistics_table,
                settings.schedules_table,
                settings.pauses_table,
            ]
        )
        assert {table.persistence for table in tables} <= {"LOGGED", "UNLOGGED"}
