"""What goes on during a soak: producers, faults and their end."""

from __future__ import annotations

import json
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Self

import psycopg

from pgqueuer.db import SyncPsycopgDriver
from pgqueuer.queries import SyncQueries
from tests.support import verifier
from tests.support.cli import Running
from tests.support.cuttable import Cuttable
from tests.support.fleet import DRIVERS, Fleet, fleet
from tests.support.own_server import OwnServer

ENTRYPOINTS = {
    "work": {},
    "held": {"on_failure": "hold"},
    "single": {"concurrency_limit": 1},
    "few": {"concurrency_limit": 3},
}
WORKERS_OF_EACH_DRIVER = 1
BACKLOG = 500
"""Jobs that wait before producers pause, so that the end comes in time."""

PROGRESS_SECONDS = 5.0
SETTLE_SECONDS = 240.0


@contextmanager
def fleets(dsn: str, proxied: str) -> Iterator[list[Fleet]]:
    """Workers of every driver, that reach the queue by the proxy and write records directly."""
    environment = {"PGDSN": proxied, "WORKER_RECORDS": dsn}
    with ExitStack() as stack:
        found = [
            stack.enter_context(
                fleet(dsn, driver=driver, entrypoints=ENTRYPOINTS, environment=environment)
            )
            for driver in DRIVERS
        ]
        for each in found:
            each.start(WORKERS_OF_EACH_DRIVER)
        for each in found:
            each.ready()
        yield found


class Producer:
    """Enqueues jobs until stopped; `jobs` are those whose commit was confirmed."""

    def __init__(self, dsn: str, seed: int) -> None:
        self._dsn = dsn
        self._chance = random.Random(seed)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._produce, daemon=True)
        self.jobs: list[int] = []
        self.refused = 0

    def _produce(self) -> None:
        while not self._stopped.is_set():
            try:
                with psycopg.connect(self._dsn, autocommit=True, connect_timeout=5) as connection:
                    while not self._stopped.wait(self._chance.uniform(0.02, 0.2)):
                        if verifier.waiting(self._dsn) < BACKLOG:
                            self._enqueue(connection)
            except psycopg.Error:
                self.refused += 1
                self._stopped.wait(0.1)

    def _enqueue(self, connection: psycopg.Connection) -> None:
        count = self._chance.randint(1, 8)
        names = [self._chance.choice(list(ENTRYPOINTS)) for _ in range(count)]
        payloads = [json.dumps(self._plan()).encode() for _ in range(count)]
        queries = SyncQueries(SyncPsycopgDriver(connection))
        self.jobs += queries.enqueue(names, payloads, [self._chance.randint(0, 3)] * count)

    def _plan(self) -> dict[str, object]:
        drawn = self._chance.random()
        plan: dict[str, object] = {"sleep": round(self._chance.uniform(0, 0.3), 3)}
        if drawn < 0.1:
            plan["retry"] = 1
        elif drawn < 0.15:
            plan["fail"] = "as planned"
        elif drawn < 0.16:
            plan["sleep"] = 6
        elif drawn < 0.17:
            plan["block"] = 1
        elif drawn < 0.1705:
            plan["die"] = 9
        return plan

    def stop(self) -> list[int]:
        """Enqueue nothing more; returns the jobs."""
        self._stopped.set()
        self._thread.join()
        return self.jobs

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


class Chaos:
    """Draws faults, one after the other, and starts again what died of them."""

    def __init__(
        self,
        server: OwnServer,
        network: Cuttable,
        workers: Sequence[Fleet],
        producer: Producer,
        chance: random.Random,
    ) -> None:
        self._server = server
        self._network = network
        self._workers = workers
        self._producer = producer
        self._chance = chance
        self._done: Counter[str] = Counter()
        self._told = 0.0
        self._faults: dict[Callable[[], None], int] = {
            self._kill: 6,
            self._pause: 4,
            self._terminate: 3,
            self._end_sessions: 6,
            self._cut: 5,
            self._hold_back: 3,
            self._restart_at_once: 2,
            self._restart_fast: 2,
        }

    def rage(self, seconds: float) -> None:
        """Faults for so long; each kind comes once before chance alone decides."""
        begun = time.monotonic()
        first = list(self._faults)
        self._chance.shuffle(first)
        while (passed := time.monotonic() - begun) < seconds:
            self._tell(passed)
            drawn = self._chance.choices(list(self._faults), list(self._faults.values()))[0]
            fault = first.pop() if first else drawn
            fault()
            self._done[fault.__name__.strip("_").replace("_", " ")] += 1
            time.sleep(self._chance.uniform(0.2, 1.5))
            self._replace_the_dead()

    def settle(self) -> float:
        """Wait until no job is queued or picked, and end the workers; seconds since the rage."""
        begun = time.monotonic()
        while (passed := time.monotonic() - begun) < SETTLE_SECONDS:
            self._tell(passed)
            self._replace_the_dead()
            if not verifier.waiting(self._server.dsn()):
                break
            time.sleep(0.1)
        for each in self._workers:
            each.stop()
        return passed

    def counts(self) -> str:
        """How many faults of each kind there were."""
        return ", ".join(f"{name} {count}" for name, count in sorted(self._done.items()))

    def _tell(self, passed: float) -> None:
        if time.monotonic() - self._told < PROGRESS_SECONDS:
            return
        self._told = time.monotonic()
        waiting = verifier.waiting(self._server.dsn())
        print(
            f"{passed:6.0f} s: {len(self._producer.jobs):,} enqueued, {waiting} wait; "
            f"{self.counts()}",
            flush=True,
        )

    def _replace_the_dead(self) -> None:
        for each in self._workers:
            for worker in list(each.workers):
                if worker.process.poll() is not None:
                    self._done["ended by itself"] += 1
                    each.bury(worker)
                    each.start()

    def _any(self) -> tuple[Fleet, Running]:
        each = self._chance.choice(self._workers)
        return each, self._chance.choice(each.workers)

    # Faults

    def _kill(self) -> None:
        each, worker = self._any()
        each.kill(worker)
        each.start()

    def _pause(self) -> None:
        """Longer than a lease, now and then: others take its jobs over, and it comes back."""
        _, worker = self._any()
        worker.signal(signal.SIGSTOP)
        time.sleep(self._chance.choice([0.3, 1.0, 4.0]))
        worker.signal(signal.SIGCONT)

    def _terminate(self) -> None:
        each, worker = self._any()
        worker.signal(signal.SIGTERM)
        worker.wait()
        each.bury(worker)
        each.start()

    def _end_sessions(self) -> None:
        share = self._chance.choice([0.2, 1.0])
        with psycopg.connect(self._server.dsn(), autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
                " AND random() < %s",
                [share],
            )

    def _cut(self) -> None:
        self._network.cut()

    def _hold_back(self) -> None:
        self._network.hold_back()
        time.sleep(self._chance.choice([0.5, 1.0, 3.0]))
        if self._chance.random() < 0.5:
            self._network.cut()
        self._network.flow()

    def _restart_at_once(self) -> None:
        self._server.restart("immediate")

    def _restart_fast(self) -> None:
        self._server.restart("fast")
