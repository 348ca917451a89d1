"""Enqueue of a stream of jobs, by COPY where the driver can."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from pgqueuer.adapters.persistence.base import StatementRunner
from pgqueuer.adapters.persistence.query_helpers import (
    NormedEnqueueParam,
    normalize_enqueue_params,
)
from pgqueuer.adapters.persistence.sqltext import quote_identifier
from pgqueuer.domain.job_type import JobType
from pgqueuer.domain.types import JobId, Payload
from pgqueuer.ports.driver import BulkCopier

CHUNK_ROWS = 5_000


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

        The jobs of a chunk are written all or none, and commit by themselves unless the caller's
        connection is in a transaction. `on_progress` is called after each with the number of jobs
        written so far. Dedupe keys and tracing headers are for `enqueue`. Raises ValueError or
        TypeError for a bad row; the chunks before it stay.
        """
        if chunk_size < 1:
            raise ValueError(f"chunk_size must be at least 1, got {chunk_size}")
        written = 0
        async for chunk in _chunks(jobs, chunk_size):
            await self._write(self._columns(chunk))
            written += len(chunk)
            if on_progress is not None:
                on_progress(written)
        return written

    def _columns(self, chunk: list[NewJob]) -> NormedEnqueueParam:
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
        if isinstance(self.driver, BulkCopier):
            await self._copy(self.driver, columns)
            return
        await self._fetch(
            "enqueue",
            columns.priority,
            columns.entrypoint,
            columns.payload,
            columns.execute_after,
            columns.headers,
        )

    async def _copy(self, driver: BulkCopier, columns: NormedEnqueueParam) -> None:
        """History first: a crash between the two leaves log rows without jobs, never the reverse,
        so that no job runs that history does not know."""
        ids, now = await self._allocate(len(columns))
        names = self.settings.qualified
        await driver.copy_rows(
            quote_identifier(names.queue_table_log),
            ("job_id", "status", "entrypoint", "priority"),
            ("int8", names.queue_status_type, "text", "int4"),
            [
                (job_id, "queued", entrypoint, priority)
                for job_id, entrypoint, priority in zip(
                    ids, columns.entrypoint, columns.priority, strict=True
                )
            ],
        )
        await driver.copy_rows(
            quote_identifier(names.queue_table),
            ("id", "priority", "entrypoint", "payload", "execute_after", "headers", "status"),
            (
                "int8",
                "int4",
                "text",
                "bytea",
                "timestamptz",
                "jsonb",
                names.queue_status_type,
            ),
            [
                (
                    job_id,
                    priority,
                    entrypoint,
                    payload,
                    now + (delay or timedelta(0)),
                    headers,
                    "queued",
                )
                for job_id, priority, entrypoint, payload, delay, headers in zip(
                    ids,
                    columns.priority,
                    columns.entrypoint,
                    columns.payload,
                    columns.execute_after,
                    columns.headers,
                    strict=True,
                )
            ],
        )

    async def _allocate(self, count: int) -> tuple[list[JobId], datetime]:
        rows = await self._fetch("allocate_ids", count)
        now = rows[0]["now"]
        if not isinstance(now, datetime):
            raise TypeError(f"expected a time from the database, got {now!r}")
        return [JobId(row["id"]) for row in rows if isinstance(row["id"], int)], now


async def _chunks(
    jobs: Iterable[NewJob] | AsyncIterable[NewJob], size: int
) -> AsyncIterator[list[NewJob]]:
    if not isinstance(jobs, AsyncIterable):
        iterator = iter(jobs)
        while chunk := list(islice(iterator, size)):
            yield chunk
        return
    chunk = []
    async for job in jobs:
        chunk.append(job)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
