"""Enqueue of a stream of jobs, a chunk at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from pgqueuer.adapters.persistence.base import StatementRunner
from pgqueuer.adapters.persistence.enqueue import EnqueueCall
from pgqueuer.adapters.persistence.query_helpers import (
    NormedEnqueueParam,
    normalize_enqueue_params,
)
from pgqueuer.core.tm import cancel_and_wait
from pgqueuer.domain.job_type import JobType
from pgqueuer.domain.types import Payload

CHUNK_ROWS: Final = 5_000

CHUNK_BYTES: Final = 8 * 1024 * 1024
"""A chunk ends with the payload that reaches this: it is held in memory, here and by the server."""


@dataclass(frozen=True, slots=True)
class NewJob:
    """One job of a stream; the fields mean what they mean in `enqueue`."""

    entrypoint: str | JobType[Any]
    payload: Payload | None = None
    priority: int = 0
    execute_after: timedelta | None = None
    headers: dict[str, object] | None = None


class BulkQueries(StatementRunner):
    """`enqueue_many`, for more jobs than one wants to hold in memory."""

    async def enqueue_many(
        self,
        jobs: Iterable[NewJob] | AsyncIterable[NewJob],
        *,
        chunk_size: int = CHUNK_ROWS,
        on_progress: Callable[[int], None] | None = None,
    ) -> int:
        """Enqueue a stream, `chunk_size` rows at a time, and return how many there were.

        Fewer rows make a chunk when their payloads are large. The jobs of a chunk are written all
        or none, and commit by themselves unless the caller's connection is in a transaction. While
        a chunk is written the next one is read, from an iterator that is not asynchronous.
        `on_progress` is called after each with the number of jobs written so far. Dedupe keys and
        tracing headers are for `enqueue`. Raises ValueError or TypeError that names a bad row; the
        chunks before it stay.
        """
        if chunk_size < 1:
            raise ValueError(f"chunk_size must be at least 1, got {chunk_size}")
        writer = _Writer(self._write, on_progress)
        try:
            if isinstance(jobs, AsyncIterable):
                async for chunk in _gathered(jobs, chunk_size):
                    await writer.start(self._columns(chunk, writer.started))
                    # The iterator may need the connection for itself.
                    await writer.finish()
            else:
                for chunk in _chunks(jobs, chunk_size):
                    await writer.start(self._columns(chunk, writer.started))
        except Exception:
            await writer.finish()
            raise
        except BaseException:
            await writer.cancel()
            raise
        await writer.finish()
        return writer.written

    def _columns(self, chunk: list[NewJob], before: int) -> NormedEnqueueParam:
        try:
            return self._normalized(chunk)
        except (TypeError, ValueError):
            for place, job in enumerate(chunk, before + 1):
                self._check(job, place)
            raise

    def _check(self, job: NewJob, place: int) -> None:
        try:
            self._normalized([job])
        except (TypeError, ValueError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"job {place} of the stream: {error}") from error

    def _normalized(self, chunk: list[NewJob]) -> NormedEnqueueParam:
        names: list[Any] = [job.entrypoint for job in chunk]
        return normalize_enqueue_params(
            names,
            [job.payload for job in chunk],
            [job.priority for job in chunk],
            [job.execute_after for job in chunk],
            None,
            [job.headers for job in chunk],
            max_payload_bytes=self.settings.max_payload_bytes,
        )

    async def _write(self, columns: NormedEnqueueParam) -> None:
        await self._send(EnqueueCall(params=columns, on_conflict="raise").call)


class _Writer:
    """Writes one chunk at a time, in the background, in order."""

    def __init__(
        self,
        write: Callable[[NormedEnqueueParam], Coroutine[Any, Any, None]],
        on_progress: Callable[[int], None] | None,
    ) -> None:
        self._write = write
        self._on_progress = on_progress
        self._task: asyncio.Task[None] | None = None
        self.started = 0
        self.written = 0

    async def start(self, columns: NormedEnqueueParam) -> None:
        """Begin to write a chunk, after the one before; raises what that one raised."""
        await self.finish()
        self.started += len(columns)
        self._task = asyncio.create_task(self._write(columns))
        await asyncio.sleep(0)  # so that it is sent before the next chunk is read

    async def finish(self) -> None:
        """Wait for what is being written; raises what it raised."""
        task, self._task = self._task, None
        if task is None:
            return
        await task
        self.written = self.started
        if self._on_progress is not None:
            self._on_progress(self.written)

    async def cancel(self) -> None:
        """Give up what is being written."""
        if self._task is not None:
            await cancel_and_wait(self._task)


async def _gathered(jobs: AsyncIterable[NewJob], rows: int) -> AsyncIterator[list[NewJob]]:
    chunk = _Chunk(rows)
    async for job in jobs:
        if chunk.add(job):
            yield chunk.taken()
    if chunk.jobs:
        yield chunk.taken()


def _chunks(jobs: Iterable[NewJob], rows: int) -> Iterator[list[NewJob]]:
    chunk = _Chunk(rows)
    for job in jobs:
        if chunk.add(job):
            yield chunk.taken()
    if chunk.jobs:
        yield chunk.taken()


class _Chunk:
    """Jobs until there are enough of them."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self.jobs: list[NewJob] = []
        self._bytes = 0

    def add(self, job: NewJob) -> bool:
        """Tell whether the chunk is full now."""
        self.jobs.append(job)
        if isinstance(job.payload, bytes):
            self._bytes += len(job.payload)
        return len(self.jobs) == self._rows or self._bytes >= CHUNK_BYTES

    def taken(self) -> list[NewJob]:
        """What was added since the last time."""
        jobs, self.jobs, self._bytes = self.jobs, [], 0
        return jobs
