"""How fast a producer sends jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Literal

from benchmarks.children import result_of
from benchmarks.contestants import CONTESTANTS, Contestant, Library
from benchmarks.measuring import Bench, Case, Outcome, Run, Scenario
from benchmarks.place import new_place
from benchmarks.producer import ProducerOptions
from benchmarks.running import CPU, RATE, WAL


def _cases(bench: Bench) -> Sequence[Case]:
    jobs = bench.size.jobs
    few = max(jobs // 10, 1)
    return [
        _case("single", how="one", jobs=few),
        _case("16 at once", how="one", jobs=2 * few, at_once=16),
        _case("batches of 1,000", how="batch", jobs=2 * jobs),
        _case("COPY", how="copy", jobs=2 * jobs),
    ]


def _case(name: str, *, how: Literal["one", "batch", "copy"], jobs: int, at_once: int = 1) -> Case:
    def run(contestant: Contestant, **settings: str) -> Run:
        sent_by = ProducerOptions(contestant=contestant.name, how=how, jobs=jobs, at_once=at_once)
        return partial(_enqueue, contestant=contestant, options=sent_by, settings=settings)

    runs = {one.name: run(one) for one in CONTESTANTS}
    if how != "one":
        runs["no history"] = run(Library(), PGQUEUER_LOG_ENQUEUES="0")
    return Case(name=name, runs=runs)


async def _enqueue(
    bench: Bench,
    contestant: Contestant,
    options: ProducerOptions,
    settings: Mapping[str, str],
) -> Outcome:
    async with new_place(bench.dsn) as place:
        await contestant.install(place)
        wal = await place.wal()
        sent = await result_of(
            "benchmarks.producer", {**place.environment(), **options.environment(), **settings}
        )
        jobs = sent["sent"]
        figures = {"rate": jobs / sent["seconds"], "cpu": 1e6 * sent["cpu"] / jobs}
        if wal is not None and (end := await place.wal()) is not None:
            figures["wal"] = (end - wal) / jobs
        found = await contestant.waiting(place) - sent["warm_up"]
    return Outcome(
        figures=figures, problem="" if found == jobs else f"{found} jobs of {jobs} are there"
    )


ENQUEUE = Scenario(
    name="enqueue",
    about="A process sends jobs over asyncpg: one call a job, by one task or by 16 over 16 "
    "connections; lists of 1,000; and a stream by COPY, these two without a history of enqueues, "
    "too, which plain SQL does not have.",
    figures=(RATE, CPU, WAL),
    cases=_cases,
)
