"""Random lives of the model, replayed on both stores: each row is as the model says."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import asyncpg
import pytest

from pgqueuer import InMemoryDriver, InMemoryQueries
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain.lifecycle import TERMINAL, ClaimRequest, EntrypointTerms, Settlement
from pgqueuer.domain.types import JobId, QueueEntrypoint, QueueManagerId
from tests.model.claims import DEAD, MOST_ATTEMPTS, NOBODY, Design, State, Step

HOUR = timedelta(hours=1)
STEPS = 40


@dataclass
class Replay:
    """One life on a store: which id each job has, and which owner each worker."""

    queries: Queries | InMemoryQueries
    design: Design
    name: QueueEntrypoint
    ids: list[JobId] = field(default_factory=list)
    owners: list[QueueManagerId] = field(default_factory=list)

    async def begin(self) -> None:
        self.ids = list(
            await self.queries.enqueue([self.name] * self.design.jobs, [None] * self.design.jobs)
        )
        self.owners = [owner() for _ in range(self.design.workers)]

    @property
    def terms(self) -> dict[QueueEntrypoint, EntrypointTerms]:
        terms = EntrypointTerms(
            concurrency_limit=self.design.limit, max_takeovers=self.design.max_takeovers
        )
        return {self.name: terms}

    def possible(self, state: State) -> list[Step]:
        """The steps that a store can follow: it claims in order, and reaps all at once."""
        expired = sum(row.status == "picked" and row.expired for row in state.rows)
        queued = [job for job, row in enumerate(state.rows) if row.status == "queued"]
        return [
            step
            for step in self.design.steps(state)
            if not (step.name in ("claim", "claim late") and step.job != queued[0])
            and not (step.name == "reap" and expired > 1)
        ]

    async def follow(self, before: State, step: Step) -> None:
        """Do on the store what the step does to the rows."""
        match step.name:
            case "claim" | "claim late":
                request = ClaimRequest(
                    owner=self.owners[step.worker], batch_size=1, entrypoints=self.terms
                )
                claimed = await self.queries.claim(request)
                assert [job.id for job in claimed] == [self.ids[step.job]]
            case "settle":
                await self._settle(before, step)
            case "recover":
                locals_ = before.workers[step.worker].jobs
                known = [
                    self.ids[job]
                    for job, local in enumerate(locals_)
                    if local.run == "running" or local.kept
                ]
                await self.queries.recover_claims(self.owners[step.worker], known)
            case "reap":
                await self.queries.reap(self.owners[step.worker], self.terms, HOUR / 2)
            case "renew" | "beat in vain":
                given = [self.ids[step.job]]
                lost = await self.queries.keep_leases(self.owners[step.worker], given)
                assert lost == ([] if step.name == "renew" else given)
            case "expire":
                await self._expire(self.ids[step.job])
            case "crash":
                self.owners[step.worker] = owner()

    async def _settle(self, before: State, step: Step) -> None:
        local = before.workers[step.worker].jobs[step.job]
        settlement = Settlement(
            self.ids[step.job], self.owners[step.worker], local.outcome, counts=local.kept
        )
        row = before.rows[step.job]
        ours = row.status == "picked" and row.owner == step.worker
        assert await self.queries.settle([settlement]) == ([] if ours else [self.ids[step.job]])

    async def _expire(self, job_id: JobId) -> None:
        if isinstance(self.queries, InMemoryQueries):
            self.queries._table.rows[job_id].heartbeat -= HOUR
        else:
            await self.queries.driver.execute(
                "UPDATE pgqueuer SET heartbeat = heartbeat - $1::interval WHERE id = $2::bigint",
                HOUR,
                job_id,
            )

    async def rows(self) -> dict[JobId, tuple[str, QueueManagerId | None, int, int]]:
        if isinstance(self.queries, InMemoryQueries):
            return {
                row.id: (row.status, row.queue_manager_id, row.attempts, row.takeovers)
                for row in self.queries._table.rows.values()
            }
        found = await self.queries.driver.fetch(
            "SELECT id, status::text AS status, queue_manager_id, attempts, takeovers FROM pgqueuer"
            " WHERE entrypoint = $1",
            self.name,
        )
        return {
            row["id"]: (row["status"], row["queue_manager_id"], row["attempts"], row["takeovers"])
            for row in found
        }

    async def agree(self, state: State, told: str) -> None:
        found = await self.rows()
        for job, row in enumerate(state.rows):
            if row.status in TERMINAL:
                assert self.ids[job] not in found, told
                continue
            status, holder, attempts, takeovers = found[self.ids[job]]
            seen = (status, min(attempts, MOST_ATTEMPTS), takeovers)
            assert seen == (row.status, row.attempts, row.takeovers), told
            if row.owner == DEAD:
                assert holder is not None, told
                assert holder not in self.owners, told
            else:
                assert holder == (None if row.owner == NOBODY else self.owners[row.owner]), told


def owner() -> QueueManagerId:
    return QueueManagerId(uuid.uuid4())


async def replay(
    make: Callable[[], Queries | InMemoryQueries], design: Design, seed: int
) -> set[str]:
    chance = random.Random(seed)
    life = Replay(make(), design, QueueEntrypoint(f"life-{seed}-{design.limit}"))
    await life.begin()
    state, told = design.first(), [f"seed {seed}"]
    for _ in range(STEPS):
        steps = life.possible(state)
        if not steps:
            break
        step = chance.choice(steps)
        told.append(f"{step.name} (worker {step.worker}, job {step.job})")
        await life.follow(state, step)
        state = step.state
        await life.agree(state, "\n".join(told))
    return {entry.partition(" (")[0] for entry in told}


DESIGNS = [
    Design(workers=3, jobs=3, losses=3, crashes=2),
    Design(workers=2, jobs=3, losses=2, crashes=1, limit=1),
]
EVERY_STEP_OF_A_ROW = {"claim", "claim late", "settle", "recover", "reap", "renew", "expire"}


@pytest.mark.parametrize("kind", ["memory", "postgres"])
async def test_the_stores_do_what_the_model_says(kind: str, queue_dsn: str) -> None:
    seen: set[str] = set()
    if kind == "memory":
        for seed in range(100):
            for design in DESIGNS:
                seen |= await replay(lambda: InMemoryQueries(InMemoryDriver()), design, seed)
    else:
        connection = await asyncpg.connect(queue_dsn)
        queries = Queries(AsyncpgDriver(connection))
        for seed in range(20):
            for design in DESIGNS:
                seen |= await replay(lambda: queries, design, seed)
        await connection.close()
    assert seen >= EVERY_STEP_OF_A_ROW
