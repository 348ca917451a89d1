"""Enqueue of a stream of jobs, a chunk at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, NamedTuple

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


class NewJob(NamedTuple):
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

    def _columns(self, chunk: _Chunk, before: int) -> NormedEnqueueParam:
        try:
            return self._normalized(chunk)
        except (TypeError, ValueError):
            for place in range(len(chunk.payloads)):
                self._check(chunk.job(place), before + place + 1)
            raise

    def _check(self, job: _Chunk, place: int) -> None:
        try:
            self._normalized(job)
        except (TypeError, ValueError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"job {place} of the stream: {error}") from error

    def _normalized(self, chunk: _Chunk) -> NormedEnqueueParam:
        return normalize_enqueue_params(
            chunk.entrypoints,
            chunk.payloads,
            chunk.priorities,
            chunk.delays,
            None,
            chunk.headers,
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


async def _gathered(jobs: AsyncIterable[NewJob], rows: int) -> AsyncIterator[_Chunk]:
    chunk = _Chunk()
    async for job in jobs:
        if chunk.add(job) == rows or chunk.size >= CHUNK_BYTES:
            yield chunk
            chunk = _Chunk()
    if chunk.payloads:
        yield chunk


def _chunks(jobs: Iterable[NewJob], rows: int) -> Iterator[_Chunk]:
    chunk = _Chunk()
    for job in jobs:
        if chunk.add(job) == rows or chunk.size >= CHUNK_BYTES:
            yield chunk
            chunk = _Chunk()
    if chunk.payloads:
        yield chunk


@dataclass(slots=True)
class _Chunk:
    """The columns of some jobs.

    The jobs themselves are not kept: the garbage collector would look through thousands of them
    again and again.
    """

    entrypoints: list[Any] = field(default_factory=list)
    payloads: list[Payload | None] = field(default_factory=list)
    priorities: list[int] = field(default_factory=list)
    delays: list[timedelta | None] = field(default_factory=list)
    headers: list[dict[str, object] | None] = field(default_factory=list)
    size: int = 0

    def add(self, job: NewJob) -> int:
        """Return how many there are now."""
        self.entrypoints.append(job.entrypoint)
        self.payloads.append(job.payload)
        self.priorities.append(job.priority)
        self.delays.append(job.execute_after)
        self.headers.append(job.headers)
        if isinstance(job.payload, bytes):
            self.size += len(job.payload)
        return len(self.payloads)

    def job(self, place: int) -> _Chunk:
        """One of them, from 0, as a chunk of its own."""
        one = slice(place, place + 1)
        return _Chunk(
            entrypoints=self.entrypoints[one],
            payloads=self.payloads[one],
            priorities=self.priorities[one],
            delays=self.delays[one],
            headers=self.headers[one],
        )
