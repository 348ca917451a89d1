"""What every chapter uses: the fixtures to override, and short words for the usual steps."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol
from uuid import uuid4

import pytest

from pgqueuer.domain.lifecycle import ClaimRequest, EntrypointTerms, ReapReport, Settlement
from pgqueuer.domain.models import (
    AnyEvent,
    HealthCheckEvent,
    Job,
    TableChangedEvent,
    TracebackRecord,
)
from pgqueuer.domain.types import (
    JOB_STATUS,
    HealthCheckId,
    JobId,
    QueueEntrypoint,
    QueueManagerId,
)
from pgqueuer.ports.repository import HistoryPruning, InsightsRepositoryPort, RepositoryPort

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

WORK = QueueEntrypoint("work")
OTHER = QueueEntrypoint("other")

AT_ONCE = timedelta(0)
HOUR = timedelta(hours=1)
PATIENCE = 10.0
"""Seconds to wait for what should come at once."""


class Store(RepositoryPort, InsightsRepositoryPort, HistoryPruning, Protocol):
    """What the suite is run on; insights and pruning only where the class says so."""


class RepositoryKit:
    """Fixtures and capabilities; see `pgqueuer.testing.repository`."""

    has_insights = True
    has_schedules = True
    can_prune = True
    can_spoil_headers = False

    @pytest.fixture
    async def repository(self) -> Store:
        """An empty store."""
        raise NotImplementedError("Override the fixture `repository`; yield an empty store.")

    @pytest.fixture
    async def peers(self, repository: Store) -> list[Store]:
        """Several stores over the same data, used at the same time."""
        return [repository] * 4

    async def spoil_headers(self, repository: Store, job_id: JobId) -> None:
        """Make the headers of a job a JSON array, as another program might."""
        raise NotImplementedError("Implement `spoil_headers`, or leave `can_spoil_headers` False.")


def worker() -> QueueManagerId:
    """The identity of a new worker."""
    return QueueManagerId(uuid4())


def terms(
    *names: QueueEntrypoint, limit: int = 0, max_takeovers: int = 5
) -> dict[QueueEntrypoint, EntrypointTerms]:
    """The same terms for each entrypoint, by default for WORK."""
    declared = EntrypointTerms(concurrency_limit=limit, max_takeovers=max_takeovers)
    return dict.fromkeys(names or (WORK,), declared)


async def enqueue(
    repository: Store, *payloads: bytes | None, entrypoint: str = WORK, priority: int = 0
) -> list[JobId]:
    """One job for each payload."""
    ids = await repository.enqueue(
        [entrypoint] * len(payloads), list(payloads), [priority] * len(payloads)
    )
    return [job_id for job_id in ids if job_id is not None]


async def enqueue_one(repository: Store, entrypoint: str = WORK, priority: int = 0) -> JobId:
    """A job that is due at once."""
    (job_id,) = await enqueue(repository, b"payload", entrypoint=entrypoint, priority=priority)
    return job_id


async def claim(
    repository: Store,
    owner: QueueManagerId,
    batch_size: int = 10,
    *names: QueueEntrypoint,
    limit: int = 0,
    suspects: bool = False,
) -> list[Job]:
    """Claim jobs of these entrypoints, by default of WORK."""
    return await repository.claim(
        ClaimRequest(
            owner=owner,
            batch_size=batch_size,
            entrypoints=terms(*names, limit=limit),
            suspects=suspects,
        )
    )


async def claim_one(repository: Store, owner: QueueManagerId) -> Job:
    """The only job that there is to claim."""
    (job,) = await claim(repository, owner)
    return job


async def settle(
    repository: Store, owner: QueueManagerId, status: JOB_STATUS, *job_ids: JobId
) -> list[JobId]:
    """Write the same outcome for each job; return the ids that were lost."""
    return await repository.settle([Settlement(job_id, owner, status) for job_id in job_ids])


async def expire(
    repository: Store,
    *,
    owner: QueueManagerId | None = None,
    max_takeovers: int = 5,
    names: Iterable[QueueEntrypoint] = (WORK,),
) -> ReapReport:
    """Treat every lease but `owner`'s as expired."""
    declared = terms(*names, max_takeovers=max_takeovers)
    return await repository.reap(owner, declared, AT_ONCE)


async def make_suspect(repository: Store) -> JobId:
    """A job of WORK that was taken over twice; call it while nothing else is claimable."""
    job_id = await enqueue_one(repository)
    for _ in range(2):
        assert [job.id for job in await claim(repository, worker())] == [job_id]
        await expire(repository)
    return job_id


async def history(repository: Store, job_id: JobId) -> list[JOB_STATUS]:
    """The transitions of a job, oldest first."""
    return [entry.status for entry in await repository.queue_log() if entry.job_id == job_id]


async def sizes(repository: Store) -> dict[tuple[str, JOB_STATUS], int]:
    """How many jobs there are, by entrypoint and status."""
    found: dict[tuple[str, JOB_STATUS], int] = {}
    for row in await repository.queue_size():
        key = (row.entrypoint, row.status)
        found[key] = found.get(key, 0) + row.count
    return found


def record_of(job_id: JobId, message: str = "broken") -> TracebackRecord:
    """What a worker writes about an exception."""
    return TracebackRecord.from_exception(ValueError(message), job_id)


class Listener:
    """Events of the channel since it was made or last read."""

    def __init__(self, repository: Store) -> None:
        self._repository = repository
        self._events: asyncio.Queue[AnyEvent] = asyncio.Queue()

    @property
    def _channel(self) -> str:
        return self._repository.qbe.settings.channel

    async def start(self) -> None:
        """Begin to listen; what was sent before is not heard."""
        await self._repository.driver.add_listener(self._channel, self._hear)
        await self.events()

    def _hear(self, payload: str | bytes | bytearray) -> None:
        self._events.put_nowait(AnyEvent.model_validate_json(payload))

    async def events(self) -> list[AnyEvent]:
        """All that was sent until now: a mark is sent after it, and waited for."""
        mark = HealthCheckId(uuid4())
        await self._repository.notify_health_check(mark)
        heard: list[AnyEvent] = []
        while True:
            event = await asyncio.wait_for(self._events.get(), PATIENCE)
            if isinstance(event.root, HealthCheckEvent) and event.root.id == mark:
                return heard
            heard.append(event)

    async def changes(self) -> list[str]:
        """The operations of the table_changed events that were sent until now."""
        return [
            event.root.operation
            for event in await self.events()
            if isinstance(event.root, TableChangedEvent)
        ]


@asynccontextmanager
async def listening(repository: Store) -> AsyncIterator[Listener]:
    """Hear the channel, inside the driver's context."""
    async with repository.driver:
        listener = Listener(repository)
        await listener.start()
        yield listener
