"""A fleet of real `pgq run` processes of recorded workers, to kill, stop and start again."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg

from pgqueuer.db import SyncPsycopgDriver
from pgqueuer.queries import SyncQueries
from tests.conftest import ROOT
from tests.support import verifier
from tests.support.cli import Running, pgq_running
from tests.support.recorded_worker import DRIVERS
from tests.support.waiting import wait_until

__all__ = ["DRIVERS", "Fleet", "enqueue", "fleet"]

Plan = Mapping[str, object]

WORKER = "tests.support.recorded_worker:main"
HEARTBEAT_SECONDS = 2.0


@dataclass(kw_only=True)
class Fleet:
    """The processes that were started, and how to start more of them.

    `entrypoints` says what each is registered with, `options` what `pgq run` gets; see
    `recorded_worker` for the rest.
    """

    dsn: str
    driver: str = "asyncpg"
    entrypoints: Mapping[str, Mapping[str, object]] = field(default_factory=lambda: {"work": {}})
    options: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    factory: str = WORKER
    heartbeat_seconds: float = HEARTBEAT_SECONDS
    workers: list[Running] = field(default_factory=list)
    stack: ExitStack

    def start(self, count: int = 1) -> list[Running]:
        """Start workers; they work once `ready`."""
        started = [self._start() for _ in range(count)]
        self.workers += started
        return started

    def _start(self) -> Running:
        given = {
            "WORKER_DRIVER": self.driver,
            "WORKER_ENTRYPOINTS": json.dumps(self.entrypoints),
            **self.environment,
        }
        heartbeat = ["--heartbeat-timeout", str(self.heartbeat_seconds)]
        worker = pgq_running(
            "run", self.factory, *heartbeat, *self.options, dsn=self.dsn, env=given, cwd=ROOT
        )
        return self.stack.enter_context(worker)

    def ready(self) -> None:
        """Wait until all that were started serve."""
        for worker in self.workers:
            if worker.process.poll() is None:
                worker.wait_for("serves")

    def kill(self, worker: Running) -> float:
        """`kill -9`; returns the moment, by `time.time()`."""
        worker.signal(signal.SIGKILL)
        worker.process.wait()
        return self.bury(worker)

    def freeze(self, worker: Running) -> float:
        """Stop the process as it is; returns the moment, by `time.time()`."""
        worker.signal(signal.SIGSTOP)
        return time.time()

    def thaw(self, worker: Running) -> None:
        """Let a frozen process go on."""
        worker.signal(signal.SIGCONT)

    def replace_dead(self) -> None:
        """Bury those that ended by themselves and start as many."""
        for worker in list(self.workers):
            if worker.process.poll() is not None:
                self.bury(worker)
                self.start()

    def bury(self, worker: Running) -> float:
        """Note that the process is gone, so that its last runs count as ended."""
        died = time.time()
        self.workers.remove(worker)
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            connection.execute(
                "INSERT INTO deaths VALUES (%s, %s) ON CONFLICT DO NOTHING",
                [worker.process.pid, died],
            )
        return died

    def stop(self) -> list[int]:
        """Ask all to end, let their jobs end; returns the exit codes."""
        self.ready()
        for worker in self.workers:
            worker.signal(signal.SIGTERM)
        codes = [worker.wait() for worker in self.workers]
        self.workers.clear()
        return codes

    def finish(self) -> None:
        """Wait until no job is queued or picked any more."""
        wait_until(lambda: verifier.waiting(self.dsn) == 0, "every job had ended")


@contextmanager
def fleet(dsn: str, **given: Any) -> Iterator[Fleet]:
    """A `Fleet` for the block, with no workers yet; makes the tables of the verifier."""
    verifier.prepare(dsn)
    with ExitStack() as stack:
        yield Fleet(dsn=dsn, stack=stack, **given)


def enqueue(
    dsn: str, count: int, payload: Plan | Sequence[Plan] | None = None, entrypoint: str = "work"
) -> list[int]:
    """Enqueue jobs that do what `payload` says; returns their ids once they are committed."""
    data = None if payload is None else json.dumps(payload).encode()
    with psycopg.connect(dsn, autocommit=True) as connection:
        queries = SyncQueries(SyncPsycopgDriver(connection))
        return list(queries.enqueue([entrypoint] * count, [data] * count, [0] * count))
