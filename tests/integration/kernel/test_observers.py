from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import pytest

from pgqueuer import Job, PgQueuer, RetryRequested
from pgqueuer.ports.observer import (
    ClaimingChanged,
    JobOutcome,
    JobsClaimed,
    JobsSettled,
    WorkerEvent,
)
from pgqueuer.types import QueueExecutionMode
from tests.support.kernel import seconds, until, working

DRAIN = QueueExecutionMode.drain


@dataclass
class Notes:
    """Writes down what it is told."""

    events: list[WorkerEvent] = field(default_factory=list)

    def observe(self, event: WorkerEvent) -> None:
        self.events.append(event)

    def of(self, kind: type) -> list:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def outcomes(self) -> list[JobOutcome]:
        return [outcome for batch in self.of(JobsSettled) for outcome in batch.outcomes]

    @property
    def ends(self) -> Counter[tuple[str, str]]:
        return sum((batch.tally() for batch in self.of(JobsSettled)), Counter())


@pytest.fixture
async def pgq(connect) -> PgQueuer:
    store = await connect()
    return PgQueuer(store.driver, queries=store)


@pytest.fixture
def notes(pgq) -> Notes:
    notes = Notes()
    pgq.qm.observers.append(notes)
    return notes


async def test_every_run_is_told_once_with_how_it_ended(pgq, queries, notes):
    @pgq.entrypoint("fine")
    async def fine(job: Job) -> None: ...

    @pgq.entrypoint("broken")
    async def broken(job: Job) -> None:
        raise ValueError

    @pgq.entrypoint("held", on_failure="hold")
    async def held(job: Job) -> None:
        raise ValueError

    @pgq.entrypoint("again")
    async def again(job: Job) -> None:
        if not job.attempts:
            raise RetryRequested

    names = ["fine"] * 100 + ["broken", "held", "again"]
    await queries.enqueue(names, [None] * len(names))
    await pgq.run(mode=DRAIN)

    assert notes.ends == {
        ("fine", "successful"): 100,
        ("broken", "exception"): 1,
        ("held", "failed"): 1,
        ("again", "retried"): 1,
        ("again", "successful"): 1,
    }
    assert sum(claim.count for claim in notes.of(JobsClaimed)) == 104
    assert len(notes.of(JobsSettled)) < 20
    assert notes.of(JobsSettled)[-1].held == 0


async def test_the_run_time_and_the_wait_are_told(pgq, queries, notes):
    @pgq.entrypoint("slow", concurrency_limit=1)
    async def slow(job: Job) -> None:
        await until(lambda: job.payload == b"go" or job.id in marked)

    marked: set[int] = set()
    (first,) = await queries.enqueue("slow", b"wait")
    await queries.enqueue("slow", b"go")
    async with working(pgq):
        await until(lambda: first in pgq.qm.job_context)
        marked.add(first)
        await until(lambda: len(notes.outcomes) == 2)
    by_wait = sorted(notes.outcomes, key=lambda outcome: outcome.waited)
    assert by_wait[0].ran > 0
    assert by_wait[1].waited >= by_wait[0].ran * 0.5
    assert all(outcome.entrypoint == "slow" for outcome in notes.outcomes)


async def test_a_job_that_is_taken_over_is_told_as_lost(pgq, queries, notes):
    @pgq.entrypoint("stuck")
    async def stuck(job: Job) -> None:
        context = pgq.qm.get_context(job.id)
        await until(lambda: context.canceled)

    (job_id,) = await queries.enqueue("stuck", None)
    async with working(pgq, heartbeat_timeout=seconds(1)):
        await until(lambda: job_id in pgq.qm.job_context)
        await queries.driver.execute(
            "UPDATE pgqueuer SET queue_manager_id = gen_random_uuid() WHERE id = $1", job_id
        )
        await until(lambda: ("stuck", "lost") in notes.ends)
    assert notes.ends == {("stuck", "lost"): 1}


async def test_a_canceled_job_is_told_as_canceled(pgq, queries, notes):
    @pgq.entrypoint("stuck")
    async def stuck(job: Job) -> None:
        context = pgq.qm.get_context(job.id)
        await until(lambda: context.canceled)

    (job_id,) = await queries.enqueue("stuck", None)
    async with working(pgq):
        await until(lambda: job_id in pgq.qm.job_context)
        await queries.mark_job_as_cancelled([job_id])
        await until(lambda: bool(notes.ends))
    assert notes.ends == {("stuck", "canceled"): 1}


async def test_an_observer_that_fails_is_logged_once_and_changes_nothing(pgq, queries, caplog):
    class Faulty:
        def observe(self, event: WorkerEvent) -> None:
            raise RuntimeError("out of paper")

    notes = Notes()
    pgq.qm.observers += [Faulty(), notes]

    @pgq.entrypoint("fine")
    async def fine(job: Job) -> None: ...

    await queries.enqueue(["fine"] * 20, [None] * 20)
    await pgq.run(mode=DRAIN)
    assert notes.ends == {("fine", "successful"): 20}
    faults = [record for record in caplog.records if "observer" in record.message]
    assert len(faults) == 1


async def test_the_beginning_and_the_end_of_claims_are_told(pgq, queries, notes):
    @pgq.entrypoint("fine")
    async def fine(job: Job) -> None:
        assert [event.claiming for event in notes.of(ClaimingChanged)] == [True]

    await queries.enqueue("fine", None)
    await pgq.run(mode=DRAIN)
    assert [outcome.outcome for outcome in notes.outcomes] == ["successful"]
    assert [event.claiming for event in notes.of(ClaimingChanged)] == [True, False]
