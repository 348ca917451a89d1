"""Drivers beside each other: the same jobs are sent and run through one after another."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from benchmarks.children import result_of
from benchmarks.contestants import Library
from benchmarks.measuring import Bench, Case, Outcome, Scenario
from benchmarks.place import new_place
from benchmarks.producer import ProducerOptions
from benchmarks.running import CPU, RATE, Drain, drain

BUNDLED = ("asyncpg", "psycopg")


def _cases(bench: Bench) -> Sequence[Case]:
    names = bench.drivers or BUNDLED
    jobs = bench.size.jobs
    drains = {
        name: partial(drain, contestant=Library(), work=Drain(jobs=jobs, driver=name))
        for name in names
    }
    sends = {name: partial(_enqueue, driver=name) for name in names}
    return [
        Case(name="drain", runs=drains, base=names[0]),
        Case(name="batches of 1,000", runs=sends, base=names[0]),
    ]


async def _enqueue(bench: Bench, driver: str) -> Outcome:
    library = Library()
    async with new_place(bench.dsn) as place:
        await library.install(place)
        options = ProducerOptions(
            contestant=library.name, how="batch", jobs=bench.size.jobs, driver=driver
        )
        sent = await result_of(
            "benchmarks.producer", {**place.environment(), **options.environment()}
        )
    jobs = sent["sent"]
    return Outcome(figures={"rate": jobs / sent["seconds"], "cpu": 1e6 * sent["cpu"] / jobs})


DRIVERS = Scenario(
    name="drivers",
    about="The same jobs through one driver after another; ratios are to the first one. "
    "--driver NAME chooses them.",
    figures=(RATE, CPU),
    cases=_cases,
)
