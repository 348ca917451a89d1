"""The "before" side of the upgrade guide: what 0.x did is refused as promised."""

from __future__ import annotations

import importlib
import subprocess
import sys
from contextlib import contextmanager
from datetime import timedelta

import pytest

from pgqueuer import PgQueuer
from pgqueuer.core.buffers import TimedOverflowBuffer
from pgqueuer.core.completion import CompletionWatcher
from pgqueuer.executors import EntrypointExecutorParameters, ScheduleExecutorFactoryParameters
from pgqueuer.factories import validate_factory_result
from pgqueuer.models import Job
from pgqueuer.queries import Queries

REMOVED_MODULES = [
    *(
        f"pgqueuer.{name}"
        for name in (
            "buffers",
            "cache",
            "cli",
            "completion",
            "heartbeat",
            "helpers",
            "listeners",
            "logconfig",
            "qb",
            "query_helpers",
            "retries",
            "supervisor",
            "tm",
            "tracing",
        )
    ),
    "pgqueuer.core.helpers",
    "pgqueuer.core.retries",
]

REMOVED_NAMES = [
    ("pgqueuer.executors", "SyncEntrypoint"),
    ("pgqueuer.executors", "SyncContextEntrypoint"),
    ("pgqueuer.executors", "RetryWithBackoffEntrypointExecutor"),
    ("pgqueuer.executors", "MaxRetriesExceeded"),
    ("pgqueuer.executors", "MaxTimeExceeded"),
    ("pgqueuer.factories", "run_factory"),
    ("pgqueuer.types", "PGChannel"),
    ("pgqueuer.models", "EntrypointStatistics"),
    ("pgqueuer.db", "dsn"),
    ("pgqueuer.adapters.drivers", "dsn"),
    ("pgqueuer.adapters.tracing", "TRACER"),
    ("pgqueuer.adapters.tracing", "set_tracing_class"),
    ("pgqueuer.adapters.persistence.qb", "build_notify_query"),
    ("pgqueuer.core.buffers", "RequestsPerSecondBuffer"),
]

NEW_PLACES = [
    "pgqueuer.core.buffers",
    "pgqueuer.core.cache",
    "pgqueuer.adapters.cli.cli",
    "pgqueuer.core.completion",
    "pgqueuer.core.heartbeat",
    "pgqueuer.core.listeners",
    "pgqueuer.core.logconfig",
    "pgqueuer.domain.settings",
    "pgqueuer.adapters.persistence.qb",
    "pgqueuer.adapters.persistence.query_helpers",
    "pgqueuer.adapters.cli.supervisor",
    "pgqueuer.core.tm",
    "pgqueuer.ports.tracing",
]


@pytest.mark.parametrize("module", REMOVED_MODULES)
def test_a_removed_module_can_not_be_imported(module):
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module(module)


@pytest.mark.parametrize(("module", "name"), REMOVED_NAMES)
def test_a_removed_name_is_gone(module, name):
    assert not hasattr(importlib.import_module(module), name)


@pytest.mark.parametrize("module", NEW_PLACES)
def test_the_canonical_place_can_be_imported(module):
    importlib.import_module(module)


def test_a_sync_handler_is_refused_at_decoration():
    pgq = PgQueuer.in_memory()

    def resize_image(job: Job) -> None: ...

    with pytest.raises(TypeError, match="async"):
        pgq.entrypoint("resize_image")(resize_image)


@pytest.mark.parametrize(
    "keyword",
    [{"serialized_dispatch": True}, {"retry_timer": timedelta(0)}, {"requests_per_second": 5}],
)
def test_removed_keywords_of_entrypoint_are_refused(keyword):
    with pytest.raises(TypeError):
        PgQueuer.in_memory().entrypoint("x", **keyword)


def test_a_factory_that_is_no_async_context_manager_is_refused():
    async def coroutine_factory() -> PgQueuer:
        return PgQueuer.in_memory()

    @contextmanager
    def sync_factory():
        yield PgQueuer.in_memory()

    for factory in (coroutine_factory, sync_factory, PgQueuer.in_memory):
        with pytest.raises(TypeError, match="asynccontextmanager"):
            validate_factory_result(factory())


@pytest.mark.parametrize(
    "option",
    ["--pg-host", "--pg-port", "--pg-user", "--pg-database", "--pg-password", "--pg-schema"],
)
def test_removed_options_are_usage_errors(option):
    done = subprocess.run(
        [sys.executable, "-m", "pgqueuer", option, "x", "install"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert option in done.stderr


def test_removed_parameters_of_executors_are_refused():
    async def func(job: Job) -> None: ...

    for keyword in ("channel", "connection", "queries", "shutdown"):
        with pytest.raises(TypeError):
            EntrypointExecutorParameters(concurrency_limit=0, func=func, **{keyword: None})
    for keyword in ("connection", "queries", "shutdown"):
        with pytest.raises(TypeError):
            ScheduleExecutorFactoryParameters(
                entrypoint="x",
                expression="* * * * *",
                func=func,
                clean_old=False,
                **{keyword: None},
            )


def test_a_buffer_takes_no_callback_and_a_watcher_needs_queries():
    with pytest.raises(TypeError):
        TimedOverflowBuffer(10, callback=print)
    with pytest.raises(TypeError):
        CompletionWatcher(PgQueuer.in_memory().connection)


def test_renamed_queries_are_gone():
    assert not hasattr(Queries, "peak_schedule")
    assert "tail" not in Queries.log_statistics.__annotations__
