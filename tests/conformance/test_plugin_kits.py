"""Every bundled tracer and executor passes the published kit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

import click
import logfire
import pytest
import sentry_sdk
from opentelemetry.sdk.trace import TracerProvider

from pgqueuer.adapters.tracing.logfire import LogfireTracing
from pgqueuer.adapters.tracing.opentelemetry import OpenTelemetryTracing
from pgqueuer.adapters.tracing.sentry import SentryTracing
from pgqueuer.core.blocking import ProcessExecutor, ThreadExecutor
from pgqueuer.core.executors import (
    DatabaseRetryEntrypointExecutor,
    EntrypointExecutor,
    ScheduleExecutor,
)
from pgqueuer.plugins import ServiceContext
from pgqueuer.ports.tracing import TracingProtocol
from pgqueuer.testing.command import CommandConformance, CommandFactory
from pgqueuer.testing.executor import ExecutorConformance, ExecutorFactory
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
