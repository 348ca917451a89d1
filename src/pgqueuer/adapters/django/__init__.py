"""Django: jobs in its transactions, a backend for its tasks, and a worker that runs them.

Django is imported when one of these names is used first.
"""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pgqueuer.adapters.django.backend import PgQueuerBackend
    from pgqueuer.adapters.django.driver import DjangoDriver, queue
    from pgqueuer.adapters.django.migrations import install_queue, uninstall_queue
    from pgqueuer.adapters.django.running import register_tasks, worker

__all__ = [
    "DjangoDriver",
    "PgQueuerBackend",
    "install_queue",
    "queue",
    "register_tasks",
    "uninstall_queue",
    "worker",
]

_HOMES = MappingProxyType(
    {
        "DjangoDriver": "driver",
        "PgQueuerBackend": "backend",
        "install_queue": "migrations",
        "queue": "driver",
        "register_tasks": "running",
        "uninstall_queue": "migrations",
        "worker": "running",
    }
)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
