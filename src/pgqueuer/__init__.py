"""A job queue for Python on PostgreSQL.

Names load on first use, so that importing the package costs nothing and needs no driver.
"""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pgqueuer.adapters.cli.supervisor import run
    from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver, AsyncpgPoolDriver
    from pgqueuer.adapters.drivers.psycopg import PsycopgDriver
    from pgqueuer.adapters.inmemory import InMemoryDriver, InMemoryQueries
    from pgqueuer.adapters.persistence.queries import Queries
    from pgqueuer.core.applications import PgQueuer
    from pgqueuer.core.executors import DatabaseRetryEntrypointExecutor
    from pgqueuer.core.qm import QueueManager
    from pgqueuer.core.sm import SchedulerManager
    from pgqueuer.domain.errors import RetryRequested, Snooze
    from pgqueuer.domain.job_type import JobType
    from pgqueuer.domain.models import Job
    from pgqueuer.domain.types import JobId
    from pgqueuer.plugins.drivers import connect

    __version__: str

__all__ = [
    "AsyncpgDriver",
    "AsyncpgPoolDriver",
    "DatabaseRetryEntrypointExecutor",
    "InMemoryDriver",
    "InMemoryQueries",
    "Job",
    "JobId",
    "JobType",
    "PgQueuer",
    "PsycopgDriver",
    "Queries",
    "QueueManager",
    "RetryRequested",
    "SchedulerManager",
    "Snooze",
    "connect",
    "run",
]

_HOMES = MappingProxyType(
    {
        "AsyncpgDriver": ".adapters.drivers.asyncpg",
        "AsyncpgPoolDriver": ".adapters.drivers.asyncpg",
        "DatabaseRetryEntrypointExecutor": ".core.executors",
        "InMemoryDriver": ".adapters.inmemory",
        "InMemoryQueries": ".adapters.inmemory",
        "Job": ".domain.models",
        "JobId": ".domain.types",
        "JobType": ".domain.job_type",
        "PgQueuer": ".core.applications",
        "PsycopgDriver": ".adapters.drivers.psycopg",
        "Queries": ".adapters.persistence.queries",
        "QueueManager": ".core.qm",
        "RetryRequested": ".domain.errors",
        "SchedulerManager": ".core.sm",
        "Snooze": ".domain.errors",
        "connect": ".plugins.drivers",
        "run": ".adapters.cli.supervisor",
    }
)


def __getattr__(name: str) -> object:
    if name == "__version__":
        value: object = _version()
    elif name in _HOMES:
        value = getattr(import_module(_HOMES[name], __name__), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "__version__"})


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415

    try:
        return version("pgqueuer")
    except PackageNotFoundError:
        return "0.0.0"
