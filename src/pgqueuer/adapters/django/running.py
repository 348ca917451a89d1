"""Running Django's tasks: by `pgq run`, or beside the handlers of an application."""

from __future__ import annotations

import asyncio
import contextvars
import traceback
from collections.abc import AsyncIterator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from inspect import iscoroutinefunction
from typing import Any

import django
from asgiref.sync import sync_to_async
from django.core.exceptions import ImproperlyConfigured
from django.db import close_old_connections, connections

from pgqueuer.adapters.django.backend import PgQueuerBackend
from pgqueuer.adapters.django.calls import TaskCall, entrypoint_of
from pgqueuer.adapters.django.tasks_api import (
    AnyResult,
    AnyTask,
    TaskContext,
    TaskError,
    TaskResult,
    TaskResultStatus,
    task_backends,
    task_finished,
    task_started,
)
from pgqueuer.core.applications import PgQueuer
from pgqueuer.domain.models import Job, utc_now

OF_DJANGO = ("context", "cursor_factory", "pool", "prepare_threshold")
"""Parameters of a connection that mean nothing without Django around it."""


@asynccontextmanager
async def worker(queues: Sequence[str] = ()) -> AsyncIterator[PgQueuer]:
    """A factory for `pgq run`: runs the tasks of the default backend, from its database.

    DJANGO_SETTINGS_MODULE must be set. What follows ``--`` names the queues; all of QUEUES
    otherwise.
    """
    from psycopg import AsyncConnection  # noqa: PLC0415

    from pgqueuer.adapters.drivers.psycopg import PsycopgDriver  # noqa: PLC0415

    django.setup()
    parameters = connections[tasks_backend("default").database].get_connection_params()
    own = {name: value for name, value in parameters.items() if name not in OF_DJANGO}
    async with await AsyncConnection.connect(**own, autocommit=True) as connection:
        pgq = PgQueuer(PsycopgDriver(connection))
        register_tasks(pgq, queues)
        yield pgq


def register_tasks(
    pgq: PgQueuer,
    queues: Iterable[str] = (),
    *,
    backend: str = "default",
    max_threads: int = 8,
    **options: Any,
) -> None:
    """Have `pgq` run the tasks of these queues, else of all that the backend has.

    `def` tasks run in `max_threads` threads, `async def` tasks in the event loop. `options` are
    those of `pgq.entrypoint`. Raises ImproperlyConfigured for a queue that the backend lacks.
    """
    chosen = tasks_backend(backend)
    names = list(queues) or sorted(chosen.queues)
    unknown = [name for name in names if chosen.queues and name not in chosen.queues]
    if unknown or not names:
        raise ImproperlyConfigured(
            f"the task backend {backend!r} has the queues {sorted(chosen.queues)}, not {unknown}; "
            "name queues of its QUEUES"
        )
    runner = TaskRunner(
        backend=chosen, pool=ThreadPoolExecutor(max_threads, thread_name_prefix="pgqueuer-tasks")
    )
    for name in names:
        pgq.entrypoint(entrypoint_of(name), **options)(runner.run)


def tasks_backend(alias: str) -> PgQueuerBackend:
    """The backend of this name; raises ImproperlyConfigured if it is of another kind."""
    backend = task_backends[alias]
    if not isinstance(backend, PgQueuerBackend):
        raise ImproperlyConfigured(
            f"the task backend {alias!r} is {type(backend).__name__}; set its BACKEND in TASKS to "
            "pgqueuer.adapters.django.PgQueuerBackend"
        )
    return backend


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRunner:
    """Runs the task that a job carries.

    Connections of Django are closed before and after each task, as around a request: those that
    are broken, and those that are older than CONN_MAX_AGE.
    """

    backend: PgQueuerBackend
    pool: ThreadPoolExecutor

    async def run(self, job: Job) -> None:
        """The handler of all task entrypoints."""
        call = TaskCall.of(job)
        result = started(call.task(job, self.backend.alias), call, job)
        if iscoroutinefunction(result.task.func):
            await self._run_async(result)
            return
        # The variables of the job, such as the current span, are those of the task too.
        variables = contextvars.copy_context()
        await asyncio.get_running_loop().run_in_executor(
            self.pool, variables.run, partial(self._run_sync, result)
        )

    def _run_sync(self, result: AnyResult) -> None:
        sender = type(self.backend)
        close_old_connections()
        task_started.send_robust(sender, task_result=result)
        try:
            result.task.func(*arguments(result), **result.kwargs)
        except Exception as error:
            task_finished.send_robust(sender, task_result=finished(result, error))
            raise
        else:
            task_finished.send_robust(sender, task_result=finished(result))
        finally:
            close_old_connections()

    async def _run_async(self, result: AnyResult) -> None:
        sender = type(self.backend)
        # Where the ORM runs the queries of asynchronous code.
        close = sync_to_async(close_old_connections, thread_sensitive=True)
        await close()
        await task_started.asend_robust(sender, task_result=result)
        try:
            await result.task.func(*arguments(result), **result.kwargs)
        except Exception as error:
            await task_finished.asend_robust(sender, task_result=finished(result, error))
            raise
        else:
            await task_finished.asend_robust(sender, task_result=finished(result))
        finally:
            await close()


def started(task: AnyTask, call: TaskCall, job: Job) -> AnyResult:
    """The result of a task that begins now."""
    now = utc_now()
    return TaskResult(
        task=task,
        id=str(job.id),
        status=TaskResultStatus("RUNNING"),
        enqueued_at=job.created,
        started_at=now,
        finished_at=None,
        last_attempted_at=now,
        args=call.args,
        kwargs=call.kwargs,
        backend=task.backend,
        errors=[],
        worker_ids=[str(job.queue_manager_id)] * (job.attempts + 1),
    )


def finished(result: AnyResult, error: Exception | None = None) -> AnyResult:
    """The result of a task that ended now, with an error or without."""
    if error is None:
        return replace(result, status=TaskResultStatus("SUCCESSFUL"), finished_at=utc_now())
    cls = type(error)
    described = TaskError(
        exception_class_path=f"{cls.__module__}.{cls.__qualname__}",
        traceback="".join(traceback.format_exception(error)),
    )
    return replace(
        result, status=TaskResultStatus("FAILED"), finished_at=utc_now(), errors=[described]
    )


def arguments(result: AnyResult) -> list[Any]:
    """The positional arguments of the task, with the context where it takes one."""
    if result.task.takes_context:
        return [TaskContext(task_result=result), *result.args]
    return result.args
