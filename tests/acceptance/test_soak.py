"""Workers, producers, the server and the network fail at random for as long as asked."""

from __future__ import annotations

import asyncio
import os
import random

import pytest

from tests.conftest import install_queue
from tests.support.cuttable import cuttable
from tests.support.own_server import own_server
from tests.support.postgres import TestPostgres
from tests.support.soaking import Chaos, Producer, fleets
from tests.support.verifier import report, verify

SECONDS = float(os.environ.get("PGQUEUER_TEST_SOAK_MINUTES", "0")) * 60 or 15.0


@pytest.mark.timeout(0)
def test_no_job_is_lost_while_everything_fails(pg: TestPostgres) -> None:
    if pg.bindir is None:
        pytest.skip("needs a server of its own to restart")
    number = int(os.environ.get("PGQUEUER_TEST_SOAK_SEED", random.getrandbits(32)))
    print(f"\nseed {number}: PGQUEUER_TEST_SOAK_SEED={number} draws the same faults", flush=True)
    with own_server(pg.bindir) as server, cuttable(server.port) as network:
        dsn = server.dsn()
        asyncio.run(install_queue(dsn))
        proxied = dsn.replace(f":{server.port}/", f":{network.port}/")
        with fleets(dsn, proxied) as workers, Producer(dsn, number) as producer:
            chaos = Chaos(server, network, workers, producer, random.Random(number))
            chaos.rage(SECONDS)
            jobs = producer.stop()
            recovered = chaos.settle()
        verdict = verify(dsn, jobs)
        report(f"soak of {SECONDS / 60:.1f} min, {chaos.counts()}", "all", verdict, recovered)
        assert len(jobs) > 20
        assert verdict.sound, verdict
