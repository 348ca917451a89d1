"""One line at the start of a worker: what runs where."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterable
from typing import Final, TypeAlias

import pgqueuer
from pgqueuer.adapters.cli.failures import one_line, redact
from pgqueuer.adapters.whereabouts import whereabouts
from pgqueuer.core.applications import PgQueuer
from pgqueuer.core.logconfig import logger
from pgqueuer.core.qm import QueueManager
from pgqueuer.core.sm import SchedulerManager
from pgqueuer.core.worker.options import RunOptions
from pgqueuer.ports.repository import RepositoryPort
from pgqueuer.ports.tracing import TRACER

Manager: TypeAlias = PgQueuer | QueueManager | SchedulerManager

PATIENCE: Final = 2.0
"""Seconds that the database has to say its name."""


async def announce(manager: Manager, options: RunOptions, services: Iterable[str]) -> None:
    """Log where `manager` runs, on which database, and what; a record has each as a field too."""
    queue = manager.qm if isinstance(manager, PgQueuer) else manager
    about: dict[str, object] = {
        "version": pgqueuer.__version__,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "database": await _database(queue.queries),
        "driver": type(queue.queries.driver).__name__,
        "schedules": _schedules(manager),
        "services": list(services),
    }
    if isinstance(queue, QueueManager):
        about |= _queue(queue, options)
    logger.info(
        "Starting: %s",
        "; ".join(f"{name} {_shown(value)}" for name, value in about.items()),
        extra=about,
    )


async def _database(queries: RepositoryPort) -> str:
    try:
        async with asyncio.timeout(PATIENCE):
            return str(await whereabouts(queries))
    except Exception as error:  # the worker will say more
        return f"unknown ({redact(one_line(str(error))) or type(error).__name__})"


def _schedules(manager: Manager) -> list[str]:
    if isinstance(manager, QueueManager):
        return []
    scheduler = manager.sm if isinstance(manager, PgQueuer) else manager
    return [f"{key.entrypoint} ({key.expression})" for key in scheduler.registry]


def _queue(queue: QueueManager, options: RunOptions) -> dict[str, object]:
    tracer = queue.tracer or TRACER.tracer
    capacity = options.capacity
    return {
        "worker": str(queue.queue_manager_id),
        "entrypoints": [
            _limited(name, executor.parameters.concurrency_limit)
            for name, executor in queue.entrypoint_registry.items()
        ],
        "tracer": None if tracer is None else getattr(tracer, "label", type(tracer).__name__),
        "mode": options.mode.value,
        "max_concurrent_tasks": "unbounded" if capacity is None else capacity,
        "batch_size": options.batch_size or "automatic",
        "heartbeat_timeout": f"{options.heartbeat_timeout.total_seconds():g} s",
    }


def _limited(name: str, limit: int) -> str:
    return f"{name} (limit {limit})" if limit else name


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)
