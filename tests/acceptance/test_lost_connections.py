"""`pgq run` and connections that break: nothing is lost, nothing stays, nobody has to help.

Each fault meets a worker of every bundled driver at once, each with jobs of its own. What is
printed for each: what the verifier counted, and how long after the fault a new job was started.
With `PGQUEUER_TEST_LONG_FAULTS=1` the faults last as long as in production.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

import psycopg
import pytest

from tests.conftest import install_queue
from tests.support import verifier
from tests.support.cli import Running
from tests.support.fleet import DRIVERS, Fleet, enqueue, fleet
from tests.support.own_server import OwnServer, own_server
from tests.support.postgres import TestPostgres
from tests.support.proxy import Proxy
from tests.support.waiting import wait_until

LONG = bool(os.environ.get("PGQUEUER_TEST_LONG_FAULTS"))
OPTIONS = ("--max-concurrent-tasks", "20", "--batch-size", "10", "--dequeue-timeout", "300")
STATEMENT_SECONDS = 1.0
FOUND = "is connected again"

LONGEST_JOB = 5.0


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A worker of each driver, named after it, and what can go wrong around them."""

    server: OwnServer
    proxy: Proxy
    database: str
    fleets: dict[str, Fleet]

    @property
    def dsn(self) -> str:
        """The database, past the proxy."""
        return self.server.dsn(self.database)


@pytest.fixture(scope="module")
def scene(pg: TestPostgres) -> Iterator[Scene]:
    with new_scene(pg) as shared:
        yield shared


@contextmanager
def new_scene(pg: TestPostgres) -> Iterator[Scene]:
    """A server, a network and workers that are at work already."""
    if pg.bindir is None:
        pytest.skip("the server under test is not ours to restart")
    with ExitStack() as stack:
        server = stack.enter_context(own_server(pg.bindir))
        proxy = stack.enter_context(Proxy(server.dsn("faults")).running())
        asyncio.run(install_queue(server.create("faults")))
        fleets = stack.enter_context(workers(server.dsn("faults"), proxy.dsn()))
        yield Scene(server=server, proxy=proxy, database="faults", fleets=fleets)


def restart_fast(scene: Scene) -> None:
    scene.server.restart("fast")


def restart_immediate(scene: Scene) -> None:
    scene.server.restart("immediate")


def terminate_again_and_again(scene: Scene) -> None:
    end = time.monotonic() + (30 if LONG else 4)
    while time.monotonic() < end:
        scene.server.terminate_backends(scene.database)
        time.sleep(0.3)


def fail_over(scene: Scene) -> None:
    scene.server.stop("immediate")
    time.sleep(60 if LONG else 4)
    scene.server.start()


def cut_the_network(scene: Scene) -> None:
    scene.proxy.cut()
    time.sleep(30 if LONG else 4)
    scene.proxy.mend()


def reset_connections(scene: Scene) -> None:
    scene.proxy.reset()


@pytest.mark.parametrize(
    "fault",
    [
        restart_fast,
        restart_immediate,
        terminate_again_and_again,
        fail_over,
        cut_the_network,
        reset_connections,
    ],
)
def test_workers_outlive(fault: Callable[[Scene], None], scene: Scene) -> None:
    dsn, names = scene.dsn, list(scene.fleets)
    with psycopg.connect(dsn) as connection:
        connection.execute("TRUNCATE runs")
    jobs = {name: enqueue(dsn, 40, {"sleep": 0.3}, name) for name in names}
    for name in names:
        # The leases of these expire while the connection is away; they run on all the same.
        jobs[name] += enqueue(dsn, 2, {"sleep": LONGEST_JOB}, name)
    wait_until(lambda: started(dsn, jobs) == set(names), "each worker was at work")
    fault(scene)
    over = time.time()
    probes = {name: enqueue(dsn, 1, None, name) for name in names}
    for name in names:
        jobs[name] += probes[name]
        scene.fleets[name].finish()
    for name in names:
        verdict = verifier.verify(dsn, jobs[name])
        recovered = verifier.seconds_until_taken_over(dsn, probes[name], over)
        verifier.report(fault.__name__.replace("_", " "), name, verdict, recovered)
        assert verdict.sound, verdict
        # Each worker alone has jobs of its name.
        assert not verdict.overlapping, verdict


def test_the_workers_are_the_same_and_end_well(pg: TestPostgres) -> None:
    with new_scene(pg) as scene:
        for reconnected in (1, 2):
            reset_connections(scene)
            for name, each in scene.fleets.items():
                if name != "asyncpg":  # a pool heals itself
                    wait_until(partial(found, each.workers[0], reconnected), f"{name} went on")
        for each in scene.fleets.values():
            worker = each.workers[0]
            assert each.stop() == [0], worker.output


def found(worker: Running, times: int) -> bool:
    """Whether the worker's factory has made it a new connection so often, if not more often."""
    return worker.output.count(FOUND) >= times


@contextmanager
def workers(direct: str, through: str) -> Iterator[dict[str, Fleet]]:
    """A worker of each driver that serves the entrypoint of the same name."""
    environment = {
        "PGDSN": through,
        "WORKER_RECORDS": direct,
        "PGQUEUER_STATEMENT_TIMEOUT": str(STATEMENT_SECONDS),
        "PGQUEUER_CONNECT_TIMEOUT": "2",
    }
    with ExitStack() as stack:
        fleets = {
            name: stack.enter_context(
                fleet(
                    direct,
                    driver=name,
                    entrypoints={name: {}},
                    options=OPTIONS,
                    environment=environment,
                )
            )
            for name in DRIVERS
        }
        for each in fleets.values():
            each.start()
        for each in fleets.values():
            each.ready()
        yield fleets


def started(dsn: str, jobs: dict[str, list[int]]) -> set[str]:
    """Of which names a job was started."""
    with psycopg.connect(dsn) as connection:
        ran = {row[0] for row in connection.execute("SELECT job_id FROM runs")}
    return {name for name, ids in jobs.items() if ran.intersection(ids)}
