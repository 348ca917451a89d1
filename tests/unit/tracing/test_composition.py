from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from pgqueuer import Job, PgQueuer
from pgqueuer.core.tracing import TracerGuard, compose
from pgqueuer.ports.tracing import set_tracing_class
from pgqueuer.types import QueueExecutionMode


class Named:
    """Writes down what it sees."""

    def __init__(self, name: str, seen: list[str]) -> None:
        self.name = name
        self.seen = seen

    def trace_publish(self, entrypoints: list[str]) -> Iterator[dict[str, object]]:
        for entrypoint in entrypoints:
            yield {self.name: entrypoint, "last": self.name}

    @asynccontextmanager
    async def trace_process(self, job: Job) -> AsyncIterator[None]:
        self.seen.append(f"enter {self.name}")
        try:
            yield
        except ValueError:
            self.seen.append(f"{self.name} saw the failure")
            raise
        finally:
            self.seen.append(f"leave {self.name}")


class Faulty(Named):
    """Fails wherever it can."""

    def trace_publish(self, entrypoints: list[str]) -> Iterator[dict[str, object]]:
        raise RuntimeError("no publishing")

    @asynccontextmanager
    async def trace_process(self, job: Job) -> AsyncIterator[None]:
        raise RuntimeError("no processing")
        yield


async def test_several_tracers_surround_a_job_and_a_faulty_one_is_left_out(pgq: PgQueuer):
    seen: list[str] = []
    set_tracing_class(compose([Named("a", seen), Faulty("f", seen), Named("b", seen)]))
    headers = []

    @pgq.entrypoint("mail")
    async def mail(job: Job) -> None:
        headers.append(job.headers)
        raise ValueError

    await pgq.qm.queries.enqueue("mail", None)
    await pgq.run(mode=QueueExecutionMode.drain)
    assert headers == [{"a": "mail", "b": "mail", "last": "b"}]
    assert seen == [
        "enter a",
        "enter b",
        "b saw the failure",
        "leave b",
        "a saw the failure",
        "leave a",
    ]


def test_one_tracer_is_used_as_it_is_and_none_is_none():
    tracer = Named("a", [])
    assert compose([tracer]) is tracer
    assert compose([]) is None


async def test_a_real_cancellation_passes_through_a_tracer_and_one_of_its_own_does_not():
    entered = asyncio.Event()

    class Waits(Named):
        @asynccontextmanager
        async def trace_process(self, job: Job) -> AsyncIterator[None]:
            entered.set()
            await asyncio.Event().wait()
            yield

    class Cancels(Named):
        @asynccontextmanager
        async def trace_process(self, job: Job) -> AsyncIterator[None]:
            raise asyncio.CancelledError
            yield

    async def surrounded(tracer: Named) -> str:
        async with TracerGuard(tracer).process(None):  # type: ignore[arg-type]
            return "ran"

    assert await surrounded(Cancels("c", [])) == "ran"
    task = asyncio.create_task(surrounded(Waits("w", [])))
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
