"""A test suite for tracers: do they watch jobs without changing what becomes of them?

Every bundled tracer passes it::

    from pgqueuer.testing.tracer import TracerConformance

    class TestMyTracer(TracerConformance):
        @pytest.fixture
        def tracer(self):
            return MyTracer()

Tests are coroutines: run them with pytest-asyncio in its auto mode (`asyncio_mode = "auto"`).
The suite says nothing about the spans themselves; test those against your product's own exporter
for tests. If your tracer leaves nothing with a job, say so in the class: `sends_headers = False`.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter

import pytest

from pgqueuer.adapters.inmemory import InMemoryDriver, InMemoryQueries
from pgqueuer.core.qm import QueueManager
from pgqueuer.domain.errors import RetryRequested
from pgqueuer.domain.models import Job
from pgqueuer.domain.types import QueueExecutionMode
from pgqueuer.ports.tracing import TracingProtocol
from pgqueuer.testing.samples import HandlerError, make_job, make_retry

__all__ = ["TracerConformance"]

FOREIGN_HEADERS: tuple[dict[str, object] | None, ...] = (
    None,
    {},
    {"another-product": {"trace": "1"}},
)


class TracerConformance:
    """Inherit from it and override `tracer`."""

    sends_headers = True

    @pytest.fixture
    def tracer(self) -> TracingProtocol:
        """The tracer, ready to be used."""
        raise NotImplementedError("Override the fixture `tracer`; return a tracer.")

    def test_it_has_the_methods_of_a_tracer(self, tracer: TracingProtocol) -> None:
        assert isinstance(tracer, TracingProtocol)

    @pytest.mark.parametrize("entrypoints", [["one"], ["one", "two"], ["one"] * 100])
    def test_each_job_gets_headers_of_its_own(
        self, tracer: TracingProtocol, entrypoints: list[str]
    ) -> None:
        given = list(entrypoints)
        headers = list(tracer.trace_publish(given))

        assert given == entrypoints
        assert len(headers) == len(entrypoints)
        assert all(isinstance(each, dict) for each in headers)
        if not self.sends_headers:
            assert not any(headers)

    def test_headers_are_json(self, tracer: TracingProtocol) -> None:
        headers = list(tracer.trace_publish(["one", "two"]))

        assert json.loads(json.dumps(headers)) == headers

    async def test_a_job_may_carry_what_the_tracer_sent(self, tracer: TracingProtocol) -> None:
        for number, headers in enumerate(tracer.trace_publish(["one", "two"])):
            async with tracer.trace_process(make_job(number, headers=headers)):
                await asyncio.sleep(0)

    @pytest.mark.parametrize("headers", FOREIGN_HEADERS)
    async def test_a_job_may_come_from_a_producer_without_this_tracer(
        self, tracer: TracingProtocol, headers: dict[str, object] | None
    ) -> None:
        async with tracer.trace_process(make_job(headers=headers)):
            await asyncio.sleep(0)

    @pytest.mark.parametrize("attempts", [1, 100])
    async def test_a_job_may_come_again(self, tracer: TracingProtocol, attempts: int) -> None:
        (headers,) = tracer.trace_publish(["one"])
        async with tracer.trace_process(make_job(attempts=attempts, headers=headers)):
            await asyncio.sleep(0)

    @pytest.mark.parametrize("error", [HandlerError("on purpose"), make_retry()], ids=repr)
    async def test_what_the_handler_raises_passes_unchanged(
        self, tracer: TracingProtocol, error: Exception
    ) -> None:
        caught = None
        try:
            async with tracer.trace_process(make_job()):
                raise error
        except Exception as raised:
            caught = raised

        assert caught is error
        assert caught.__cause__ is None

    async def test_a_canceled_handler_ends_canceled(self, tracer: TracingProtocol) -> None:
        entered = asyncio.Event()

        async def handle() -> None:
            async with tracer.trace_process(make_job()):
                entered.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(handle())
        await entered.wait()
        task.cancel()
        await asyncio.wait([task])

        assert task.cancelled()

    async def test_jobs_are_traced_at_the_same_time(self, tracer: TracingProtocol) -> None:
        everyone = asyncio.Barrier(20)

        async def handle(number: int) -> int:
            async with tracer.trace_process(make_job(number)):
                await everyone.wait()
            return number

        # Each waits inside of its span for all the others.
        assert await asyncio.gather(*map(handle, range(20))) == list(range(20))

    async def test_a_worker_does_the_same_with_the_tracer(
        self, tracer: TracingProtocol, caplog: pytest.LogCaptureFixture
    ) -> None:
        # The library logs what a tracer raises, and goes on without it.
        caplog.set_level(logging.ERROR, logger="pgqueuer")
        traced = await outcomes(tracer)

        assert [text for text in caplog.messages if text.startswith("Tracer ")] == []
        assert traced == await outcomes(None)


async def outcomes(tracer: TracingProtocol | None) -> Counter[str]:
    """What a worker logs about a job that succeeds, one that fails and one that comes again."""
    driver = InMemoryDriver()
    queries = InMemoryQueries(driver, tracer=tracer)
    manager = QueueManager(queries, tracer=tracer)

    @manager.entrypoint("succeed")
    async def succeed(job: Job) -> None: ...

    @manager.entrypoint("fail")
    async def fail(job: Job) -> None:
        raise HandlerError("on purpose")

    @manager.entrypoint("retry")
    async def retry(job: Job) -> None:
        if job.attempts == 0:
            raise RetryRequested

    await queries.enqueue(["succeed", "fail", "retry"], [None] * 3, [0] * 3)
    await manager.run(mode=QueueExecutionMode.drain)
    return Counter(f"{row.entrypoint} {row.status}" for row in await queries.queue_log())
