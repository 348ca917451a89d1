"""Who owns a job changes it, and nobody else: workers that are stopped, blocked or dead."""

from __future__ import annotations

from collections.abc import Collection

import psycopg
import pytest

from tests.support.cli import Running
from tests.support.fleet import enqueue, fleet
from tests.support.verifier import report, runs_of, seconds_until_taken_over, verify
from tests.support.waiting import wait_until

LATE = 600
"""Seconds that a handler sleeps which is never to come to its end."""

RARELY = ("--dequeue-timeout", "600")
"""So that nothing is found by looking at the queue now and then."""


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_what_a_stopped_worker_says_after_the_takeover_is_dropped(
    queue_dsn: str, driver: str
) -> None:
    """It returns, holds, retries or still runs its jobs when it goes on; another had ended them."""
    with fleet(
        queue_dsn, driver=driver, entrypoints={"work": {"on_failure": "hold"}}, options=RARELY
    ) as workers:
        (stopped,) = workers.start()
        workers.ready()
        first = [{}, {"fail": "held"}, {"retry": 9}, {"sleep": LATE}]
        jobs = [
            job
            for plan in first
            for job in enqueue(queue_dsn, 1, [{"sleep": 3} | plan, {"sleep": 0.01}])
        ]
        wait_until(lambda: len(runs_of(queue_dsn, jobs)) == len(jobs), "all jobs had begun")
        at = workers.freeze(stopped)
        workers.start()
        workers.finish()
        taken = seconds_until_taken_over(queue_dsn, jobs, at)
        workers.thaw(stopped)
        for job in jobs:
            wait_until(lambda job=job: says_lost(stopped, job), f"the loss of {job} was logged")
        wait_until(
            lambda: all(run.outcome for run in runs_of(queue_dsn, jobs)), "all handlers had ended"
        )
        assert workers.stop() == [0, 0]
    verdict = verify(queue_dsn, jobs)
    report("SIGSTOP beyond the lease, then SIGCONT", driver, verdict, taken)
    assert verdict.sound
    assert outcomes(queue_dsn, jobs) == {"successful": len(jobs)}
    late = [run.outcome for run in runs_of(queue_dsn, jobs[-1:])]
    assert sorted(map(str, late)) == ["canceled", "returned"]


def says_lost(worker: Running, job: int) -> bool:
    told = (f"Lost the lease of job {job};", f"The outcome of job {job} is dropped")
    return any(text in worker.output for text in told)


def outcomes(dsn: str, jobs: Collection[int]) -> dict[str, int]:
    """How many of the jobs have each of the statuses that they are left with."""
    query = """
        SELECT status::text, count(*) FROM (
            SELECT DISTINCT ON (job_id) status FROM pgqueuer_log
            WHERE job_id = ANY (%s::bigint[]) ORDER BY job_id, id DESC
        ) AS last GROUP BY status
    """
    with psycopg.connect(dsn) as connection:
        return dict(connection.execute(query, [list(jobs)]).fetchall())


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_idle_workers_notice_a_dead_one_when_its_lease_ends(queue_dsn: str, driver: str) -> None:
    with fleet(queue_dsn, driver=driver, options=RARELY) as workers:
        (doomed,) = workers.start()
        workers.ready()
        jobs = enqueue(queue_dsn, 10, [{"sleep": LATE}, {}])
        wait_until(lambda: len(runs_of(queue_dsn, jobs)) == len(jobs), "all jobs had begun")
        workers.start(2)
        workers.ready()
        died = workers.kill(doomed)
        workers.finish()
        workers.stop()
    taken = seconds_until_taken_over(queue_dsn, jobs, died)
    verdict = verify(queue_dsn, jobs)
    report(
        f"kill -9, {workers.heartbeat_seconds:g} s of lease, idle others", driver, verdict, taken
    )
    assert verdict.sound
    assert not verdict.overlapping
    assert verdict.runs == 2 * len(jobs)


def test_a_blocked_worker_runs_no_job_twice(queue_dsn: str) -> None:
    """Its leases run out twice over; alone, and with another that takes its jobs over."""
    with fleet(queue_dsn, heartbeat_seconds=1.0, options=RARELY) as workers:
        workers.start()
        workers.ready()
        alone = enqueue(queue_dsn, 10, {"sleep": 0.5})
        alone += enqueue(queue_dsn, 1, {"block": 2.5, "sleep": 0.2})
        workers.finish()
        assert len(runs_of(queue_dsn, alone)) == len(alone)
        watched = enqueue(queue_dsn, 5, [{"sleep": 1}, {"sleep": 1}])
        watched += enqueue(queue_dsn, 1, [{"block": 4.0, "sleep": 0.5}, {"sleep": 2}])
        wait_until(lambda: len(runs_of(queue_dsn, watched)) == len(watched), "all jobs had begun")
        workers.start()
        workers.finish()
        workers.stop()
    verdict = verify(queue_dsn, alone + watched)
    report("an event loop that is blocked for longer than the lease", "asyncpg", verdict)
    assert verdict.sound
