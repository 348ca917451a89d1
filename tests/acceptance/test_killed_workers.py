"""Workers that are killed at any instant: nothing is lost, nothing ends twice."""

from __future__ import annotations

import random
import time

import psycopg
import pytest

from tests.support.fleet import DRIVERS, enqueue, fleet
from tests.support.verifier import prepare, report, seconds_until_taken_over, verify
from tests.support.waiting import wait_until

NOBODY = "00000000-0000-0000-0000-000000000000"


@pytest.mark.parametrize("driver", DRIVERS)
def test_workers_that_are_killed_lose_nothing(queue_dsn: str, driver: str) -> None:
    chance = random.Random(driver)
    jobs = enqueue(queue_dsn, 150, {"sleep": 0.05})
    with fleet(queue_dsn, driver=driver, options=["--max-concurrent-tasks", "20"]) as workers:
        workers.start(3)
        workers.ready()
        for _ in range(3):
            time.sleep(chance.uniform(0, 0.2))
            died = workers.kill(chance.choice(workers.workers))
            held = held_by_nobody(queue_dsn)
            workers.start()
        wait_until(
            lambda: seconds_until_taken_over(queue_dsn, held, died) is not None,
            "the jobs of the dead ran again",
        )
        workers.finish()
        assert set(workers.stop()) == {0}
    verdict = verify(queue_dsn, jobs)
    recovered = seconds_until_taken_over(queue_dsn, held, died)
    report("kill -9 of workers at random", driver, verdict, recovered)
    assert verdict.sound
    assert not verdict.overlapping


def held_by_nobody(dsn: str) -> tuple[int, ...]:
    """The jobs that only a takeover can bring back."""
    return verify(dsn, []).stuck


def test_the_verifier_finds_what_is_wrong(queue_dsn: str) -> None:
    prepare(queue_dsn)
    lost, stuck, twice, sound = enqueue(queue_dsn, 4)
    with psycopg.connect(queue_dsn, autocommit=True) as connection:
        connection.execute("DELETE FROM pgqueuer WHERE id = ANY (%s)", [[lost, twice, sound]])
        connection.execute("UPDATE pgqueuer SET status = 'picked', queue_manager_id = %s", [NOBODY])
        connection.execute(
            "INSERT INTO pgqueuer_log (job_id, status, priority, entrypoint)"
            " SELECT id, 'successful', 0, 'work' FROM unnest(%s::bigint[]) AS id",
            [[twice, twice, sound]],
        )
        connection.execute(
            "INSERT INTO runs SELECT gen_random_uuid(), %s, 0, %s::uuid, 1, started, 3"
            " FROM unnest('{1,2,3}'::int[]) AS started",
            [twice, NOBODY],
        )
    verdict = verify(queue_dsn, [lost, stuck, twice, sound])
    assert (verdict.lost, verdict.stuck, verdict.duplicate) == ((lost,), (stuck,), (twice,))
    assert verdict.own_overlapping == verdict.overlapping == (twice,)
    assert not verdict.sound
