"""The code of the guide to retries: jobs that do not succeed at once."""

from datetime import datetime, timedelta

from pgqueuer import Job, JobId, PgQueuer, Queries, RetryRequested, Snooze


def held(pgq: PgQueuer) -> None:
    @pgq.entrypoint("charge", on_failure="hold")
    async def charge(job: Job) -> None:
        raise ConnectionError("the bank does not answer")


def asks_for_a_retry(pgq: PgQueuer) -> None:
    @pgq.entrypoint("poll")
    async def poll(job: Job) -> None:
        if job.attempts < 3:
            raise RetryRequested(delay=timedelta(seconds=10), reason="not ready yet")


def retried(pgq: PgQueuer) -> None:
    @pgq.entrypoint(
        "fetch",
        executor="database-retry",
        executor_options={"max_attempts": 3, "initial_delay": timedelta(milliseconds=100)},
    )
    async def fetch(job: Job) -> None:
        raise TimeoutError("the server is slow today")


def snoozed(pgq: PgQueuer) -> None:
    @pgq.entrypoint("call")
    async def call(job: Job) -> None:
        if datetime.now().hour < 9:
            raise Snooze(timedelta(minutes=30), reason="nobody is in the office")


async def run_again(queries: Queries) -> list[JobId]:
    held = await queries.list_failed_jobs(limit=50)
    ids = [job.id for job in held if job.entrypoint == "charge"]
    await queries.requeue_jobs(ids)
    return ids


async def give_up(queries: Queries, ids: list[JobId]) -> None:
    await queries.mark_job_as_cancelled(ids)
