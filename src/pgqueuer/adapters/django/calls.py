"""A task in the queue: which entrypoint it has, and what its payload says."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any, Final

from django.utils.module_loading import import_string

from pgqueuer.adapters.django.tasks_api import AnyTask, Task
from pgqueuer.domain.models import Job

PREFIX: Final = "django:"
"""Begins the entrypoints of tasks, so that they differ from those of handlers."""


def entrypoint_of(queue_name: str) -> str:
    """The entrypoint that all tasks of a queue have."""
    return PREFIX + queue_name


def queue_name_of(entrypoint: str) -> str | None:
    """The queue of an entrypoint; None where it is no entrypoint of tasks."""
    return entrypoint.removeprefix(PREFIX) if entrypoint.startswith(PREFIX) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskCall:
    """A task by its dotted path, and its arguments; all of it JSON."""

    path: str
    args: list[Any]
    kwargs: dict[str, Any]

    def to_payload(self) -> bytes:
        """What the job carries."""
        return json.dumps({"task": self.path, "args": self.args, "kwargs": self.kwargs}).encode()

    @classmethod
    def of(cls, job: Job) -> TaskCall:
        """The call that a job carries; ValueError or KeyError where it carries another thing."""
        given = json.loads(job.payload or b"null")
        return cls(path=given["task"], args=given["args"], kwargs=given["kwargs"])

    def task(self, job: Job, backend: str) -> AnyTask:
        """The task as it was enqueued; ImportError where there is none at the path."""
        found: object = import_string(self.path)
        if not isinstance(found, Task):
            raise ImportError(f"{self.path} is not a task; decorate it with @task")
        queue_name = queue_name_of(job.entrypoint) or found.queue_name
        return replace(found, backend=backend, priority=job.priority, queue_name=queue_name)
