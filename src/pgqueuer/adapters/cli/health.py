"""The health port of a worker, across its restarts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, TypeAlias

from pgqueuer.core.applications import PgQueuer
from pgqueuer.core.qm import QueueManager
from pgqueuer.core.sm import SchedulerManager

if TYPE_CHECKING:
    from pgqueuer.adapters.health.state import WorkerState

Manager: TypeAlias = PgQueuer | QueueManager | SchedulerManager


class Health:
    """Answers probes where a port is given; without one it does nothing."""

    def __init__(self, host: str = "", port: int | None = None) -> None:
        self._host = host
        self._port = port
        self._state: WorkerState | None = None

    @asynccontextmanager
    async def served(
        self, shutdown: asyncio.Event, heartbeat_timeout: timedelta
    ) -> AsyncGenerator[None]:
        """Answer during the block; raises HealthPortError when the port can not be had."""
        if self._port is None:
            yield
            return
        from pgqueuer.adapters.health.server import serve_health  # noqa: PLC0415
        from pgqueuer.adapters.health.state import WorkerState  # noqa: PLC0415

        self._state = WorkerState(shutdown)
        longest_block = heartbeat_timeout.total_seconds()
        async with serve_health(self._state, self._host, self._port, longest_block):
            yield

    @contextmanager
    def following(self, manager: Manager) -> Iterator[None]:
        """Tell what `manager` does during the block."""
        if self._state is None:
            yield
            return
        queue = manager.qm if isinstance(manager, PgQueuer) else manager
        observers = queue.observers if isinstance(queue, QueueManager) else None
        if observers is not None:
            observers.append(self._state)
        try:
            with self._state.of(queue.queries, claims=observers is not None):
                yield
        finally:
            if observers is not None:
                observers.remove(self._state)
