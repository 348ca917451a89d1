"""The backend for Django's tasks, to be named in the setting TASKS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast

from asgiref.sync import sync_to_async
from django.db import DEFAULT_DB_ALIAS
from django.utils import timezone

from pgqueuer.adapters.django.calls import TaskCall, entrypoint_of
from pgqueuer.adapters.django.driver import queue
from pgqueuer.adapters.django.results import forgotten, read_result
from pgqueuer.adapters.django.tasks_api import (
    AnyResult,
    AnyTask,
    BaseTaskBackend,
    TaskResult,
    TaskResultDoesNotExist,
    TaskResultMismatch,
    TaskResultStatus,
    task_enqueued,
)
from pgqueuer.domain.types import JobId

LONGEST_HISTORY = 1000


class PgQueuerTask(AnyTask):
    """A task that knows its results also when their job has left the queue."""

    __slots__ = ()

    def get_result(self, result_id: str) -> AnyResult:
        """The result; raises TaskResultDoesNotExist, and TaskResultMismatch for another task's."""
        return cast("PgQueuerBackend", self.get_backend()).result_of(self, result_id)

    async def aget_result(self, result_id: str) -> AnyResult:
        """As `get_result`."""
        return await sync_to_async(self.get_result, thread_sensitive=True)(result_id)


class PgQueuerBackend(BaseTaskBackend):
    """Puts tasks into the queue over Django's own connection, so in its transactions.

    The option DATABASE names the database, `default` without it. A result is what the queue knows
    of the job: status, times, attempts and errors. Return values are not kept.
    """

    task_class = PgQueuerTask
    supports_defer = True
    supports_async_task = True
    supports_get_result = True
    supports_priority = True

    def __init__(self, alias: str, params: dict[str, Any]) -> None:
        super().__init__(alias, params)
        self.database = str(self.options.get("DATABASE", DEFAULT_DB_ALIAS))
        self.queue = queue(self.database)

    def enqueue(self, task: AnyTask, args: Sequence[Any], kwargs: Mapping[str, Any]) -> AnyResult:
        """Insert a job for the task, in the transaction that the database is in."""
        self.validate_task(task)
        unsent: AnyResult = TaskResult(
            task=task,
            id="",
            status=TaskResultStatus("READY"),
            enqueued_at=timezone.now(),
            started_at=None,
            finished_at=None,
            last_attempted_at=None,
            args=list(args),
            kwargs=dict(kwargs),
            backend=self.alias,
            errors=[],
            worker_ids=[],
        )
        call = TaskCall(path=task.module_path, args=unsent.args, kwargs=unsent.kwargs)
        [job_id] = self.queue.enqueue(
            entrypoint_of(task.queue_name),
            call.to_payload(),
            task.priority,
            execute_after=None if task.run_after is None else self._delay(task.run_after),
        )
        result = replace(unsent, id=str(job_id))
        task_enqueued.send(type(self), task_result=result)
        return result

    def get_result(self, result_id: str) -> AnyResult:
        """The result; of a job that has left the queue, the task and its arguments are unknown.

        Raises TaskResultDoesNotExist for an id that neither queue nor log know.
        """
        return self._result(result_id, None)

    def result_of(self, task: AnyTask, result_id: str) -> AnyResult:
        """As `get_result`, for a result of this task.

        Raises TaskResultMismatch where the job is still known to be another task's.
        """
        result = self._result(result_id, task)
        if result.task.func != task.func:
            raise TaskResultMismatch(
                f"Task {result_id} is {result.task.module_path}, not {task.module_path}"
            )
        return result

    def _result(self, result_id: str, task: AnyTask | None) -> AnyResult:
        if not result_id.isascii() or not result_id.isdecimal() or len(result_id) > 18:
            raise TaskResultDoesNotExist(result_id)
        job_id = JobId(int(result_id))
        job = self.queue.queue_job_by_id(job_id)
        history = self.queue.job_log_history(job_id, LONGEST_HISTORY)
        result = read_result(job_id, job, history, task or forgotten(self.alias), self.alias)
        if result is None:
            raise TaskResultDoesNotExist(result_id)
        return result

    def _delay(self, moment: datetime) -> timedelta | None:
        """Until then, by the clock of the database, from which the queue counts delays."""
        aware = timezone.make_aware(moment) if timezone.is_naive(moment) else moment
        [row] = self.queue.driver.fetch("SELECT $1::timestamptz - now() AS delay", aware)
        return cast("timedelta", row["delay"])
