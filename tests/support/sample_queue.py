"""A queue that looks as if it had worked for a day, for pictures and for tests of pages."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from datetime import timedelta

from pgqueuer.domain.models import (
    CronExpressionEntrypoint,
    Job,
    TracebackRecord,
)
from pgqueuer.domain.types import (
    CronEntrypoint,
    CronExpression,
    QueueEntrypoint,
    QueueManagerId,
)
from pgqueuer.ports.repository import EntrypointExecutionParameter
from pgqueuer.queries import Queries

ENTRYPOINTS = ("send_mail", "resize_image", "charge_card", "sync_customer")

HISTORY = """
WITH run AS (
    SELECT
        nextval(pg_get_serial_sequence('pgqueuer', 'id')) AS job_id,
        (ARRAY['send_mail', 'resize_image', 'charge_card', 'sync_customer'])
            [1 + (random() * random() * 4)::int % 4] AS entrypoint,
        moment AS enqueued,
        interval '1 second' * (0.02 + random() * random() * 2) AS waited,
        interval '1 second' * (0.05 + random() * random() * random() * 6) AS ran,
        random() AS luck
    FROM
        generate_series(now() - $1::interval, now() - interval '10 seconds', $2::interval)
        AS moment,
        generate_series(1, 1 + (3 * abs(sin(extract(epoch FROM moment) / 900)))::int)
)
INSERT INTO pgqueuer_log (created, job_id, status, priority, entrypoint, traceback)
SELECT step.created, run.job_id, step.status::pgqueuer_status, 0, run.entrypoint, step.traceback
FROM run, LATERAL (VALUES
    (run.enqueued, 'queued', NULL::jsonb),
    (run.enqueued + run.waited, 'picked', NULL),
    (
        run.enqueued + run.waited + run.ran,
        CASE WHEN run.luck < 0.02 THEN 'exception' WHEN run.luck < 0.03 THEN 'canceled'
            ELSE 'successful' END,
        CASE WHEN run.luck < 0.02 THEN $3::jsonb || jsonb_build_object('job_id', run.job_id) END
    )
) AS step (created, status, traceback)
WHERE step.created < now()
ORDER BY step.created
"""


# The jobs of the queue came one after the other, three seconds apart, deferred ones too.
AGES = """
WITH aged AS (
    UPDATE pgqueuer AS job
    SET
        created = job.created - place.age,
        updated = job.updated - place.age,
        execute_after = job.execute_after
            - CASE WHEN job.execute_after > job.created THEN interval '0' ELSE place.age END
    FROM (
        SELECT id, interval '3 seconds' * (row_number() OVER (ORDER BY id DESC) - 1) AS age
        FROM pgqueuer
    ) AS place
    WHERE place.id = job.id
    RETURNING job.id, place.age
)
UPDATE pgqueuer_log AS log SET created = log.created - aged.age
FROM aged WHERE aged.id = log.job_id
"""


async def fill(queries: Queries, *, history: timedelta = timedelta(hours=24)) -> list[Job]:
    """Fill an installed, empty queue with the usual names; returns the jobs that are picked."""
    await queries.driver.execute(HISTORY, history, timedelta(seconds=20), json.dumps(_refused()))
    for index in range(120):
        name = ENTRYPOINTS[index % 4]
        await queries.enqueue(
            name,
            json.dumps({"customer": 4000 + index, "template": "welcome"}).encode(),
            priority=index % 3,
            execute_after=timedelta(minutes=index) if index % 5 == 0 else None,
            headers={"tenant": f"shop-{index % 7}"},
        )
    held = await pick(queries, 9)
    for job, error in zip(held, _errors(), strict=False):
        record = TracebackRecord.from_exception(error, job.id, {"worker": "web-1"})
        await queries.log_jobs([(job, "failed", record)])
    await queries.insert_schedule(
        {
            _schedule("nightly_report", "0 3 * * *"): timedelta(hours=4),
            _schedule("collect_metrics", "*/5 * * * *"): timedelta(minutes=2),
            _schedule("expire_sessions", "*/30 * * * * *"): timedelta(seconds=21),
        }
    )
    await queries.pause_schedule(set(), {CronEntrypoint("nightly_report")})
    picked = [*await pick(queries, 5), *await pick(queries, 3)]
    await queries.driver.execute(AGES)
    return picked


async def pick(
    queries: Queries, number: int, entrypoints: Sequence[str] = ENTRYPOINTS
) -> list[Job]:
    """Claim jobs as a worker of its own that never ends them."""
    return await queries.dequeue(
        number,
        {QueueEntrypoint(name): EntrypointExecutionParameter(0) for name in entrypoints},
        QueueManagerId(uuid.uuid4()),
        None,
        timedelta(seconds=30),
    )


def _schedule(entrypoint: str, expression: str) -> CronExpressionEntrypoint:
    return CronExpressionEntrypoint(CronEntrypoint(entrypoint), CronExpression(expression))


def _refused() -> dict[str, object]:
    return {
        "timestamp": "2026-01-01T00:00:00Z",
        "exception_type": "CardDeclined",
        "exception_message": "The bank declined the card",
        "traceback": 'Traceback (most recent call last):\n  File "shop.py", line 31\nCardDeclined',
    }


def _errors() -> list[Exception]:
    def raised(error: Exception) -> Exception:
        try:
            raise error
        except Exception as caught:
            return caught

    timeouts = [
        raised(TimeoutError(f"mail.example.org did not answer within {n} s")) for n in (10, 30, 60)
    ]
    missing = [raised(FileNotFoundError(f"/srv/images/{n}.png")) for n in range(4)]
    return [*timeouts, *missing, raised(ValueError("unknown template 'welcom'"))]
