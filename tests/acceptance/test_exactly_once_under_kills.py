"""Workers are killed at any instant, and each job has its effect exactly once."""

from __future__ import annotations

import random
import time
from collections import Counter

import pytest

from tests.support.fleet import enqueue, fleet
from tests.support.verifier import effects, report, verify, waiting

JOBS = 300


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_an_effect_happens_once_whoever_is_killed(queue_dsn: str, driver: str) -> None:
    chance = random.Random(driver)
    jobs = enqueue(queue_dsn, JOBS, {"effect": driver})
    with fleet(queue_dsn, driver=driver, options=["--max-concurrent-tasks", "20"]) as workers:
        workers.start(3)
        workers.ready()
        kills = 0
        while waiting(queue_dsn) and kills < 4:
            time.sleep(chance.uniform(0, 0.3))
            workers.kill(workers.workers[0])
            workers.start()
            kills += 1
        workers.finish()
        workers.stop()
    verdict = verify(queue_dsn, jobs)
    report(f"kill -9 of {kills} workers, effects in a transaction", driver, verdict)
    assert effects(queue_dsn) == Counter(jobs)
    assert verdict.sound
    assert verdict.runs > JOBS, "no kill came in time"
