"""What is known of a worker, written in its event loop and read from other threads."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from pgqueuer.adapters.whereabouts import whereabouts
from pgqueuer.ports.observer import (
    ClaimingChanged,
    JobsClaimed,
    JobsSettled,
    ListenerChanged,
    WorkerEvent,
)
from pgqueuer.ports.repository import RepositoryPort

CHECK_PAUSE: Final = 5.0
"""Seconds that an answer of the database counts for, however many ask."""

CHECK_TIMEOUT: Final = 5.0
LATELY: Final = 15.0
"""Seconds after which an answer says nothing any more, though no later one came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseSign:
    """How the database answered, at `at` of the monotonic clock."""

    at: float
    error: str | None = None


class WorkerState:
    """One worker after the other, as a restart brings a new one; an observer of each.

    The event loop alone changes it, under `changed`, which is notified of each check.
    """

    def __init__(self, shutdown: asyncio.Event) -> None:
        self.changed = threading.Condition()
        self.database: DatabaseSign | None = None
        self.claiming = False
        self.listening = True
        self.held = 0
        self.working = False
        self._claims = True
        self._shutdown = shutdown
        self._queries: RepositoryPort | None = None
        self._check: asyncio.Task[None] | None = None

    @contextmanager
    def of(self, queries: RepositoryPort, *, claims: bool) -> Iterator[None]:
        """Be about the worker of the block; one that runs schedules only claims nothing."""
        self._queries, self._claims = queries, claims
        self.working = True
        try:
            yield
        finally:
            self.working = self.claiming = False
            self.listening, self.held = True, 0
            self._queries = self.database = None
            if self._check is not None:
                self._check.cancel()

    def observe(self, event: WorkerEvent) -> None:
        """Take note of what the worker does."""
        match event:
            case JobsClaimed() | JobsSettled():
                self.held = event.held
            case ListenerChanged():
                self.listening = event.healthy
            case ClaimingChanged():
                self.claiming = event.claiming

    def refresh(self) -> None:
        """In the event loop: ask the database, unless it was asked just now."""
        if self._queries is None or self.is_fresh() or self._is_checking():
            return
        self._check = asyncio.create_task(self._ask(self._queries))

    def is_fresh(self) -> bool:
        """Whether what is known of the database still counts."""
        sign = self.database
        return sign is not None and time.monotonic() - sign.at < CHECK_PAUSE

    def is_due(self) -> bool:
        """Whether an answer of the database may be waited for."""
        return self._queries is not None and not self.is_fresh()

    def _is_checking(self) -> bool:
        return self._check is not None and not self._check.done()

    async def _ask(self, queries: RepositoryPort) -> None:
        error = None
        try:
            async with asyncio.timeout(CHECK_TIMEOUT):
                if not (await whereabouts(queries)).writable:
                    error = "read-only"
        except Exception as failure:  # told to whoever asks
            # Its text may quote a connection string.
            error = getattr(failure, "sqlstate", None) or type(failure).__name__
        with self.changed:
            self.database = DatabaseSign(at=time.monotonic(), error=error)
            self.changed.notify_all()

    def reasons(self) -> list[str]:
        """Why the worker is not ready."""
        sign = self.database
        old = sign is not None and time.monotonic() - sign.at > LATELY
        found = {
            "the worker is told to stop": self._shutdown.is_set(),
            "no worker runs": not self.working,
            "it claims no jobs": self.working and self._claims and not self.claiming,
            "the database has not answered": self.working and (sign is None or old),
            "the database does not work": sign is not None and sign.error is not None,
        }
        return [reason for reason, holds in found.items() if holds]

    def _listener(self) -> str | None:
        if not self.working:
            return None
        return "hears" if self.listening else "polling"

    def details(self) -> dict[str, object]:
        """What there is to know, for people."""
        sign = self.database
        return {
            "stopping": self._shutdown.is_set(),
            "working": self.working,
            "claiming": self.claiming,
            "listener": self._listener(),
            "jobs_held": self.held,
            "database": None
            if sign is None
            else {
                "works": sign.error is None,
                "error": sign.error,
                "seconds_ago": round(time.monotonic() - sign.at, 3),
            },
        }
