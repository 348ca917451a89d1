"""Drains a queue of jobs that do nothing through psqlpy and asyncpg in turns.

    PGQUEUER_DSN=... python benchmark.py 20000 5

The tables of the queue must be installed; the numbers are jobs a round and rounds a driver.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time

from pgqueuer import PgQueuer, connect
from pgqueuer.domain.types import QueueExecutionMode

DRIVERS = ("asyncpg", "psqlpy")


async def drain(name: str, jobs: int) -> float:
    """Jobs a second."""
    async with connect(name) as driver:
        pgq = PgQueuer(driver)
        await pgq.queries.clear_queue()
        await pgq.queries.enqueue(["nothing"] * jobs, [None] * jobs, [0] * jobs)
        await driver.execute("VACUUM ANALYZE pgqueuer")

        @pgq.entrypoint("nothing")
        async def nothing(_job: object) -> None:
            pass

        begin = time.perf_counter()
        await pgq.run(mode=QueueExecutionMode.drain)
        return jobs / (time.perf_counter() - begin)


def main(jobs: int, rounds: int) -> None:
    speeds: dict[str, list[float]] = {name: [] for name in DRIVERS}
    for _ in range(rounds):
        for name in DRIVERS:
            speeds[name].append(asyncio.run(drain(name, jobs)))
    for name, found in speeds.items():
        spread = f"{min(found):,.0f} to {max(found):,.0f}"
        print(f"{name}: {statistics.median(found):,.0f} jobs/s ({spread})")
    medians = [statistics.median(speeds[name]) for name in DRIVERS]
    print(f"psqlpy / asyncpg: {medians[1] / medians[0]:.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
