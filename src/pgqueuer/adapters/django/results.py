"""What queue and log know of a job, as the result of a task."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from pgqueuer.adapters.django.calls import TaskCall, queue_name_of
from pgqueuer.adapters.django.tasks_api import (
    AnyResult,
    AnyTask,
    TaskError,
    TaskResult,
    TaskResultStatus,
    task_backends,
)
from pgqueuer.domain.models import Job, JobId, Log, TracebackRecord


def read_result(
    job_id: JobId, job: Job | None, history: Sequence[Log], task: AnyTask, backend: str
) -> AnyResult | None:
    """The result, or None if the job is unknown or no task; `history` begins with the newest.

    `task` stands in for the job's own where that is gone from the queue.
    """
    entrypoint = job.entrypoint if job else history[0].entrypoint if history else ""
    if queue_name_of(entrypoint) is None:
        return None
    call = TaskCall.of(job) if job else TaskCall(path="", args=[], kwargs={})
    status = _status(job.status if job else history[0].status)
    claims = [row.created for row in history if row.status == "picked"]
    worker = str(job.queue_manager_id) if job and job.queue_manager_id else "unknown"
    return TaskResult(
        task=call.task(job, backend) if job else task,
        id=str(job_id),
        status=status,
        enqueued_at=job.created if job else _first(history, "queued"),
        started_at=claims[-1] if claims else None,
        finished_at=history[0].created if history and _is_final(status) else None,
        last_attempted_at=claims[0] if claims else None,
        args=call.args,
        kwargs=call.kwargs,
        backend=backend,
        errors=[_error(row.traceback) for row in reversed(history) if row.traceback],
        worker_ids=[worker] * len(claims),
    )


def forgotten(backend: str) -> AnyTask:
    """Stands in for the task of a job that has left the queue."""
    owner = task_backends[backend]
    queue_name = next(iter(owner.queues), "default")
    task: AnyTask = owner.task_class(func=forgotten_task, backend=backend, queue_name=queue_name)
    return task


def forgotten_task() -> None:
    """The function of a task that the queue does not know any more."""
    raise RuntimeError("the queue does not know this task any more; ask the task for its result")


def _status(status: str) -> TaskResultStatus:
    known = {"queued": "READY", "picked": "RUNNING", "successful": "SUCCESSFUL"}
    return TaskResultStatus(known.get(status, "FAILED"))


def _is_final(status: TaskResultStatus) -> bool:
    return status in ("SUCCESSFUL", "FAILED")


def _first(history: Sequence[Log], status: str) -> datetime | None:
    found = [row.created for row in history if row.status == status]
    return found[-1] if found else None


def _error(record: TracebackRecord) -> TaskError:
    name = re.escape(record.exception_type)
    # The log has the bare name of the class; its module stands in the last lines of the traceback.
    spelled = re.findall(rf"^((?:\w+\.)+{name})(?::|$)", record.traceback, re.MULTILINE)
    path = spelled[-1] if spelled else f"builtins.{record.exception_type}"
    return TaskError(exception_class_path=path, traceback=record.traceback)
