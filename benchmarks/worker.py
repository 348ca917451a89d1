"""The factory of the workers that are measured: `pgq run benchmarks.worker:main`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import asynccontextmanager

from benchmarks.link import ALONE, COUNTED, Link, WorkerOptions
from pgqueuer import AsyncpgDriver, Job, PgQueuer, connect
from pgqueuer.adapters.connections import connect_asyncpg
from pgqueuer.ports.driver import Driver
from pgqueuer.ports.observer import WorkerEvent
from pgqueuer.ports.tracing import set_tracing_class


class TrivialTracing:
    """Does nothing, as a tracer does it."""

    def trace_publish(self, entrypoints: list[str]) -> Generator[dict[str, object], None, None]:
        for _ in entrypoints:
            yield {}

    @asynccontextmanager
    async def trace_process(self, job: Job) -> AsyncGenerator[None]:
        yield


class TrivialObserver:
    """Counts what it is told."""

    def __init__(self) -> None:
        self.told = 0

    def observe(self, event: WorkerEvent) -> None:
        self.told += 1


@asynccontextmanager
async def main() -> AsyncIterator[PgQueuer]:
    """A worker that does nothing with its jobs but to count them."""
    options = WorkerOptions.read()
    link = Link(options)
    async with _driver(options.driver, link) as driver:
        pgq = PgQueuer(driver)
        _register(pgq, link, options)
        _add(pgq, options.extra)
        with link.listening():
            await link.go()
            yield pgq


@asynccontextmanager
async def _driver(name: str, link: Link) -> AsyncIterator[Driver]:
    if name not in (ALONE, COUNTED):
        async with connect(name) as driver:
            yield driver
        return
    async with connect_asyncpg() as connection, AsyncpgDriver(connection) as driver:
        if name == COUNTED:
            connection.add_query_logger(lambda _: _count(link))
        yield driver


def _count(link: Link) -> None:
    link.statements += 1


def _register(pgq: PgQueuer, link: Link, options: WorkerOptions) -> None:
    note = link.time if options.payloads == "times" else link.number

    @pgq.entrypoint("noop", concurrency_limit=options.limit)
    async def noop(job: Job) -> None:
        note(job.payload)


def _add(pgq: PgQueuer, extra: str) -> None:
    if extra == "tracer":
        set_tracing_class(TrivialTracing())
    elif extra == "observer":
        pgq.qm.observers.append(TrivialObserver())
