"""`concurrency_limit` holds in the whole fleet, whoever is killed.

A trigger of the test's counts after every claim what is picked, one transaction at a time, so that
no claim escapes it. With PGQUEUER_TEST_CLAIMS there is a run for each of several limits, with so
many jobs.
"""

from __future__ import annotations

import os
import random
import time

import psycopg
import pytest

from tests.support.fleet import enqueue, fleet
from tests.support.verifier import report, verify, waiting

ASKED = os.environ.get("PGQUEUER_TEST_CLAIMS")
CLAIMS = int(ASKED or 500)
LIMITS = [1, 3, 10] if ASKED else [3]
WORKERS = 8

COUNTING = """
CREATE TABLE held (number int PRIMARY KEY, times int NOT NULL);
CREATE FUNCTION count_held() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(1);
    INSERT INTO held
    SELECT count(*), 1 FROM pgqueuer WHERE status = 'picked'
    ON CONFLICT (number) DO UPDATE SET times = held.times + 1;
    RETURN NULL;
END
$$;
CREATE TRIGGER count_held AFTER UPDATE ON pgqueuer
    FOR EACH STATEMENT EXECUTE FUNCTION count_held();
"""
"""The lock is held until the commit is seen by all, so that each count sees every claim before."""


@pytest.mark.timeout(max(180, CLAIMS // 20))
@pytest.mark.parametrize("limit", LIMITS)
def test_no_claim_exceeds_the_limit_of_the_fleet(queue_dsn: str, limit: int) -> None:
    chance = random.Random(limit)
    with psycopg.connect(queue_dsn, autocommit=True) as connection:
        connection.execute(COUNTING)
    jobs = enqueue(queue_dsn, CLAIMS)
    kills, began = 0, time.monotonic()
    with fleet(
        queue_dsn,
        entrypoints={"work": {"concurrency_limit": limit, "max_takeovers": 100}},
        environment={"WORKER_RECORDING": "no"},
    ) as workers:
        workers.start(WORKERS)
        workers.ready()
        while waiting(queue_dsn):
            time.sleep(chance.uniform(0, 2))
            if kills < max(4, CLAIMS // 1000):
                workers.kill(chance.choice(workers.workers))
                workers.start()
                kills += 1
        workers.stop()
    seconds = time.monotonic() - began
    with psycopg.connect(queue_dsn) as connection:
        held = dict(connection.execute("SELECT number, times FROM held").fetchall())
        row = connection.execute("SELECT count(*) FROM pgqueuer_log WHERE status = 'picked'")
        (claims,) = row.fetchone() or (0,)
    verdict = verify(queue_dsn, jobs)
    overshoot = sum(times for number, times in held.items() if number > limit)
    report(
        f"{claims} claims by {WORKERS} processes, limit {limit}, {kills} killed, "
        f"{seconds:.0f} s, most held {max(held)}, overshoot {overshoot}",
        "asyncpg",
        verdict,
    )
    assert overshoot == 0
    assert max(held) == limit
    assert verdict.sound
