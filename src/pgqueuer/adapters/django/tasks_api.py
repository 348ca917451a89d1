"""Django's task framework: `django.tasks` from Django 6.0 on, else the package django-tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django_tasks import task_backends
    from django_tasks.backends.base import BaseTaskBackend
    from django_tasks.base import Task, TaskContext, TaskError, TaskResult, TaskResultStatus
    from django_tasks.exceptions import TaskResultDoesNotExist, TaskResultMismatch
    from django_tasks.signals import task_enqueued, task_finished, task_started

    AnyTask = Task[Any, Any]
    AnyResult = TaskResult[Any]
else:
    from importlib import import_module
    from importlib.util import find_spec

    from django.core.exceptions import ImproperlyConfigured

    _package = "django.tasks" if find_spec("django.tasks") else "django_tasks"
    if not find_spec(_package):
        raise ImproperlyConfigured("Tasks need Django 6.0, or: pip install django-tasks")

    _base = import_module(f"{_package}.base")
    _exceptions = import_module(f"{_package}.exceptions")
    _signals = import_module(f"{_package}.signals")

    BaseTaskBackend = import_module(f"{_package}.backends.base").BaseTaskBackend
    Task = AnyTask = _base.Task
    TaskContext = _base.TaskContext
    TaskError = _base.TaskError
    TaskResult = AnyResult = _base.TaskResult
    TaskResultDoesNotExist = _exceptions.TaskResultDoesNotExist
    TaskResultMismatch = _exceptions.TaskResultMismatch
    TaskResultStatus = _base.TaskResultStatus
    task_backends = import_module(_package).task_backends
    task_enqueued = _signals.task_enqueued
    task_finished = _signals.task_finished
    task_started = _signals.task_started

__all__ = [
    "AnyResult",
    "AnyTask",
    "BaseTaskBackend",
    "Task",
    "TaskContext",
    "TaskError",
    "TaskResult",
    "TaskResultDoesNotExist",
    "TaskResultMismatch",
    "TaskResultStatus",
    "task_backends",
    "task_enqueued",
    "task_finished",
    "task_started",
]
