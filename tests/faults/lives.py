"""A small workload that takes every way through a worker, and what must be true afterwards."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from pgqueuer import InMemoryQueries, Job, QueueManager, RetryRequested, Snooze
from pgqueuer.ports.repository import RepositoryPort
from pgqueuer.types import QueueExecutionMode
from tests.support.kernel import seconds

LEASE = seconds(1)
SLOW = 0.4
"""Longer than it takes until a lease is renewed."""

JOBS = {
    "plain": ("successful", 3),
    "retry": ("successful", 2),
    "snooze": ("successful", 1),
    "hold": ("failed", 1),
    "fail": ("exception", 1),
    "slow": ("successful", 1),
    "limited": ("successful", 2),
}
"""Entrypoints: how their jobs must end, and how many there are."""

PATIENCE = 90.0
"""Seconds, for a busy machine."""

ENDS = {"successful", "exception", "canceled", "failed", "deleted"}


@dataclass
class Life:
    """The jobs of one case, under names of their own, and what the handlers saw."""

    name: str
    stop_after: int | None = None
    ids: dict[int, str] = field(default_factory=dict)
    runs: Counter[int] = field(default_factory=Counter)
    attempts: defaultdict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    running: set[int] = field(default_factory=set)
    overlaps: list[int] = field(default_factory=list)
    started: int = 0

    async def enqueue(self, queries: RepositoryPort) -> None:
        names = [name for name, (_, count) in JOBS.items() for _ in range(count)]
        ids = await queries.enqueue(
            [f"{self.name}/{name}" for name in names], [None] * len(names), [0] * len(names)
        )
        self.ids = dict(zip(ids, names, strict=True))

    def worker(self, queries: RepositoryPort) -> QueueManager:
        manager = QueueManager(queries)
        for name in JOBS:
            self._register(manager, name)
        return manager

    def _register(self, manager: QueueManager, name: str) -> None:
        options: dict[str, Any] = {}
        if name == "hold":
            options["on_failure"] = "hold"
        if name == "limited":
            options["concurrency_limit"] = 1

        @manager.entrypoint(f"{self.name}/{name}", **options)
        async def handle(job: Job) -> None:
            self.started += 1
            if self.started == self.stop_after:
                manager.shutdown.set()
            if job.id in self.running:
                self.overlaps.append(job.id)
            self.running.add(job.id)
            try:
                self.attempts[job.id].append(job.attempts)
                self.runs[job.id] += 1
                await asyncio.sleep(SLOW if name == "slow" else 0.01)
                self._end(job, name)
            finally:
                self.running.discard(job.id)

    def _end(self, job: Job, name: str) -> None:
        if name == "retry" and job.attempts == 0:
            raise RetryRequested(delay=seconds(0))
        if name == "snooze" and self.runs[job.id] == 1:
            raise Snooze(delay=seconds(0))
        if name in ("hold", "fail"):
            raise ValueError(name)

    async def statuses(self, queries: RepositoryPort) -> dict[int, list[str]]:
        """What the log says of each job, in its order."""
        found: dict[int, list[str]] = {job_id: [] for job_id in self.ids}
        for job_id, status in await self._log(queries):
            found[job_id].append(status)
        return found

    async def _log(self, queries: RepositoryPort) -> list[tuple[int, str]]:
        if isinstance(queries, InMemoryQueries):
            return [(row.job_id, row.status) for row in await queries.queue_log()]
        rows = await queries.driver.fetch(
            "SELECT job_id, status::text AS status FROM pgqueuer_log"
            " WHERE job_id = ANY ($1::bigint[]) ORDER BY id",
            list(self.ids),
        )
        return [(row["job_id"], row["status"]) for row in rows]

    async def picked(self, queries: RepositoryPort) -> list[str]:
        """Jobs that somebody holds; there is nobody once the worker has ended."""
        statuses = await self.statuses(queries)
        return [
            f"{self.ids[job_id]} is left picked: {log}"
            for job_id, log in statuses.items()
            if log[-1] == "picked"
        ]

    async def finished(self, queries: RepositoryPort) -> bool:
        return all(log[-1] in ENDS for log in (await self.statuses(queries)).values())

    async def finish(self, queries: RepositoryPort) -> None:
        """Let a sound worker do what is left; it needs no help of anybody.

        What it can not do in time is left for `problems` to find.
        """
        self.stop_after = None
        manager = self.worker(queries)
        task = asyncio.create_task(manager.run(heartbeat_timeout=LEASE, dequeue_timeout=seconds(9)))
        try:
            async with asyncio.timeout(PATIENCE):
                while not await self.finished(queries):
                    await asyncio.sleep(0.1)
        except TimeoutError:
            pass
        finally:
            manager.shutdown.set()
            await task

    async def problems(self, queries: RepositoryPort) -> list[str]:
        """What must never be: lost, stuck, ended twice or otherwise, run by two at a time."""
        found: list[str] = []
        for job_id, log in (await self.statuses(queries)).items():
            ends = [status for status in log if status in ENDS]
            wanted = JOBS[self.ids[job_id]][0]
            if ends != [wanted] or log[-1] != wanted:
                found.append(f"{self.ids[job_id]}: {log}")
            if not self.runs[job_id]:
                found.append(f"{self.ids[job_id]} never ran: {log}")
            attempts = self.attempts[job_id]
            if attempts != sorted(attempts):
                found.append(f"{self.ids[job_id]}: attempts went back, {attempts}")
        for row in await queries.queue_size():
            if row.entrypoint.startswith(f"{self.name}/") and row.status != "failed":
                found.append(f"left in the queue: {row}")
        if self.overlaps:
            found.append(f"overlapping runs: {[self.ids[job_id] for job_id in self.overlaps]}")
        return found

    def more_runs_than_needed(self) -> list[str]:
        """Jobs that ran more often than their handlers asked for."""
        needed = {"retry": 2, "snooze": 2}
        return [
            f"{name} ran {self.runs[job_id]} times, attempts {self.attempts[job_id]}"
            for job_id, name in self.ids.items()
            if self.runs[job_id] != needed.get(name, 1)
        ]


async def run(manager: QueueManager, *, drain: bool) -> None:
    mode = QueueExecutionMode.drain if drain else QueueExecutionMode.continuous
    await manager.run(mode=mode, heartbeat_timeout=LEASE, dequeue_timeout=seconds(9))
