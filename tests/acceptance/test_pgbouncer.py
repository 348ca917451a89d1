"""Workers through a real PgBouncer in transaction mode, which passes no notifications on."""

from __future__ import annotations

import time
from contextlib import ExitStack

from tests.support import verifier
from tests.support.fleet import DRIVERS, enqueue, fleet
from tests.support.pgbouncer import pgbouncer
from tests.support.waiting import wait_until


def test_workers_of_every_driver_find_their_jobs_and_say_why_they_look(queue_dsn: str) -> None:
    """They share the server connections, so that each would meet what another one prepares."""
    with pgbouncer(queue_dsn, "transaction") as through, ExitStack() as stack:
        environment = {"PGDSN": through, "WORKER_RECORDS": queue_dsn}
        fleets = {
            name: stack.enter_context(
                fleet(
                    queue_dsn,
                    driver=name,
                    entrypoints={name: {"concurrency_limit": 5}},
                    options=("--dequeue-timeout", "300"),
                    environment=environment,
                )
            )
            for name in DRIVERS
        }
        for each in fleets.values():
            each.start(2 if each.driver == "asyncpg" else 1)
        for each in fleets.values():
            each.ready()
        begun = time.time()
        jobs = {name: enqueue(queue_dsn, 20, {"retry": 1}, name) for name in fleets}
        for name, each in fleets.items():
            each.finish()
            found = min(seconds_until_started(queue_dsn, jobs[name], begun))
            verdict = verifier.verify(queue_dsn, jobs[name])
            verifier.report("pgbouncer", name, verdict, found)
            assert verdict.sound, verdict
            assert not verdict.overlapping, verdict
            for worker in each.workers:
                assert "A pooler is between this worker and the database" in worker.output
                assert "Traceback" not in worker.output, worker.output
        for each in fleets.values():
            assert set(each.stop()) == {0}


def seconds_until_started(dsn: str, jobs: list[int], moment: float) -> list[float]:
    """Of each job that has started."""
    seconds = [verifier.seconds_until_taken_over(dsn, [job], moment) for job in jobs]
    wait_until(lambda: any(each is not None for each in seconds), "a job was started")
    return [each for each in seconds if each is not None]
