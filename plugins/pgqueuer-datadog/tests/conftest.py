from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator, Iterator

# Read once, when ddtrace is imported.
os.environ.update(
    DD_INSTRUMENTATION_TELEMETRY_ENABLED="false",
    DD_REMOTE_CONFIGURATION_ENABLED="false",
    DD_SERVICE="mailer",
)

import asyncpg
import pytest
from ddtrace.trace import Span, TraceFilter, tracer

from pgqueuer.db import AsyncpgDriver
from pgqueuer.queries import Queries


class Memory(TraceFilter):
    """Keeps what would be sent to the agent."""

    def __init__(self) -> None:
        self.spans: list[Span] = []

    def process_trace(self, trace: list[Span]) -> None:
        self.spans += trace

    def named(self, name: str) -> list[Span]:
        return [span for span in self.spans if span.name == name]


@pytest.fixture
def sent() -> Iterator[Memory]:
    memory = Memory()
    tracer.configure(trace_processors=[memory])
    yield memory
    # The next spans, if any, are no longer of this test, and must not be sent either.
    tracer.configure(trace_processors=[Memory()])


@pytest.fixture
async def queue_dsn() -> AsyncIterator[str]:
    """A fresh database with the queue's schema, on the server that PGQUEUER_TEST_DSN names."""
    server = os.environ.get("PGQUEUER_TEST_DSN")
    if server is None:
        pytest.skip("PGQUEUER_TEST_DSN names no PostgreSQL server")
    name = f"plugin_{uuid.uuid4().hex}"
    admin = await asyncpg.connect(server)
    await admin.execute(f"create database {name}")
    connection = await asyncpg.connect(server, database=name)
    base, _, query = server.partition("?")
    dsn = f"{base.rpartition('/')[0]}/{name}{'?' + query if query else ''}"
    try:
        await Queries(AsyncpgDriver(connection)).install()
        yield dsn
    finally:
        await connection.close()
        await admin.execute(f"drop database {name} with (force)")
        await admin.close()
