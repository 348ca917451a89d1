"""Every bundled tracer, executor and service passes the published kit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

import click
import logfire
import pytest
import sentry_sdk
from opentelemetry.sdk.trace import TracerProvider

from pgqueuer.adapters.inmemory import InMemoryDriver, InMemoryQueries
from pgqueuer.adapters.tracing.logfire import LogfireTracing
from pgqueuer.adapters.tracing.opentelemetry import OpenTelemetryTracing
from pgqueuer.adapters.tracing.sentry import SentryTracing
from pgqueuer.core.blocking import ProcessExecutor, ThreadExecutor
from pgqueuer.core.executors import (
    DatabaseRetryEntrypointExecutor,
    EntrypointExecutor,
    ScheduleExecutor,
)
from pgqueuer.metrics.worker_opentelemetry import record_metrics
from pgqueuer.metrics.worker_prometheus import serve_metrics
from pgqueuer.models import Job
from pgqueuer.plugins import ServiceContext
from pgqueuer.ports.tracing import TracingProtocol
from pgqueuer.testing.command import CommandConformance, CommandFactory
from pgqueuer.testing.executor import ExecutorConformance, ExecutorFactory
from pgqueuer.testing.samples import HandlerError
from pgqueuer.testing.schedule_executor import ScheduleExecutorConformance, ScheduleExecutorFactory
from pgqueuer.testing.service import Service, ServiceConformance
from pgqueuer.testing.tracer import TracerConformance


class TestOpenTelemetry(TracerConformance):
    @pytest.fixture
    def tracer(self) -> TracingProtocol:
        return OpenTelemetryTracing(TracerProvider().get_tracer("kit"))


class TestLogfire(TracerConformance):
    @pytest.fixture
    def tracer(self) -> TracingProtocol:
        logfire.configure(send_to_logfire=False, console=False, inspect_arguments=False)
        return LogfireTracing()


class TestSentry(TracerConformance):
    @pytest.fixture
    def tracer(self) -> Iterator[TracingProtocol]:
        with sentry_sdk.new_scope():
            sentry_sdk.init(traces_sample_rate=1.0, default_integrations=False)
            yield SentryTracing()
            sentry_sdk.init()


class TestDefault(ExecutorConformance):
    @pytest.fixture
    def executor_factory(self) -> ExecutorFactory:
        return EntrypointExecutor


class TestDatabaseRetry(ExecutorConformance):
    retries_errors = True

    @pytest.fixture
    def executor_factory(self) -> ExecutorFactory:
        return partial(DatabaseRetryEntrypointExecutor, initial_delay=timedelta(seconds=2))


class TestThread(ExecutorConformance):
    calls_blocking = True

    @pytest.fixture
    def executor_factory(self) -> ExecutorFactory:
        return ThreadExecutor


class TestProcess(ExecutorConformance):
    calls_blocking = True
    gives_context = False

    @pytest.fixture
    def executor_factory(self) -> ExecutorFactory:
        return ProcessExecutor


class TestSchedule(ScheduleExecutorConformance):
    @pytest.fixture
    def executor_factory(self) -> ScheduleExecutorFactory:
        return ScheduleExecutor


class TestPrometheus(ServiceConformance):
    @pytest.fixture
    async def context(self) -> ServiceContext:
        return ServiceContext(
            queries=InMemoryQueries(InMemoryDriver()),
            shutdown=asyncio.Event(),
            resources={},
            options={"metrics-port": "0"},
        )

    @pytest.fixture
    def service(self) -> Service:
        return serve_metrics


class TestOpenTelemetryMetrics(ServiceConformance):
    @pytest.fixture
    def service(self) -> Service:
        return record_metrics


class TestService(ServiceConformance):
    @pytest.fixture
    def service(self) -> Service:
        @asynccontextmanager
        async def service(context: ServiceContext) -> AsyncGenerator[None]:
            task = asyncio.create_task(context.shutdown.wait())
            try:
                yield
            finally:
                task.cancel()
                await asyncio.wait([task])

        return service


class TestCommand(CommandConformance):
    @pytest.fixture
    def command_factory(self) -> CommandFactory:
        @click.command
        def command() -> None:
            """Do nothing."""

        return lambda: command


class FailingTracer:
    """Leaves no headers, and fails after each run."""

    def trace_publish(self, entrypoints: list[str]) -> Generator[dict[str, object], None, None]:
        yield {}

    @asynccontextmanager
    async def trace_process(self, job: Job) -> AsyncGenerator[None]:
        try:
            yield
        finally:
            raise RuntimeError("the tracer failed")


async def test_the_kit_finds_the_faults_of_a_tracer(caplog: pytest.LogCaptureFixture) -> None:
    kit, tracer = TracerConformance(), FailingTracer()
    with pytest.raises(AssertionError):
        kit.test_each_job_gets_headers_of_its_own(tracer, ["one", "two"])
    with pytest.raises(AssertionError):
        await kit.test_what_the_handler_raises_passes_unchanged(tracer, HandlerError())
    with pytest.raises(AssertionError):
        await kit.test_a_worker_does_the_same_with_the_tracer(tracer, caplog)
