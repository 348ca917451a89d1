"""PostgreSQL and the store in memory live through the same thousands of steps as a small model."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain.lifecycle import TRANSITIONS
from tests.statemachine.machine import LifeOfJobs
from tests.statemachine.sides import PostgresSide, clock_of_the_store_in_memory

STEPS_PER_EXAMPLE = 50
EXAMPLES = 150
SOAK_MINUTES = float(os.environ.get("PGQUEUER_TEST_SOAK_MINUTES", "0"))

short = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS_PER_EXAMPLE,
    deadline=None,
    database=None,
    derandomize=True,
    print_blob=True,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def life(queue_dsn: str) -> Iterator[type[LifeOfJobs]]:
    """The machine, with one connection and one event loop for all of its steps."""
    import asyncpg

    with asyncio.Runner() as runner, clock_of_the_store_in_memory() as clock:
        connection = runner.run(asyncpg.connect(queue_dsn))
        try:
            LifeOfJobs.runner = runner
            LifeOfJobs.postgres = PostgresSide(Queries(AsyncpgDriver(connection)))
            LifeOfJobs.clock = clock
            LifeOfJobs.steps = 0
            LifeOfJobs.moves.clear()
            yield LifeOfJobs
        finally:
            runner.run(connection.close())


@pytest.mark.timeout(900)
def test_both_stores_and_the_model_agree_after_every_step(life: type[LifeOfJobs]) -> None:
    run_state_machine_as_test(life, settings=short)

    assert life.steps >= 5_000
    assert set(life.moves) == {transition.name for transition in TRANSITIONS}


@pytest.mark.skipif(not SOAK_MINUTES, reason="make soak")
@pytest.mark.timeout(0)
def test_they_agree_for_as_long_as_asked(life: type[LifeOfJobs]) -> None:
    end = time.monotonic() + SOAK_MINUTES * 60
    while (left := end - time.monotonic()) > 0:
        number = random.getrandbits(64)
        print(f"{life.steps:>9,} steps, {left / 60:5.1f} min left, seed {number}", flush=True)
        run_state_machine_as_test(
            seed(number)(life), settings=settings(short, derandomize=False, max_examples=50)
        )
    print(f"{life.steps:>9,} steps: all agree; {dict(life.moves)}", flush=True)
