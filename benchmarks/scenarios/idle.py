"""What a worker costs that has nothing to do."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from benchmarks.contestants import CONTESTANTS, Contestant
from benchmarks.link import COUNTED, Tally
from benchmarks.measuring import Bench, Case, Figure, Outcome, Scenario
from benchmarks.place import new_place
from benchmarks.running import Drain, worker

SETTLING_SECONDS = 1.0


def _cases(bench: Bench) -> Sequence[Case]:
    runs = {one.name: partial(_idle, contestant=one) for one in CONTESTANTS}
    return [Case(name=f"{bench.size.idle:g} s", runs=runs)]


async def _idle(bench: Bench, contestant: Contestant) -> Outcome:
    async with new_place(bench.dsn) as place:
        await contestant.install(place)
        Tally.create(bench.folder / "tally", 1)
        work = Drain(jobs=0, driver=COUNTED)
        async with worker(bench, place, contestant, work) as one:
            await one.ask("go")
            await asyncio.sleep(SETTLING_SECONDS)
            before = await one.ask("tell")
            await asyncio.sleep(bench.size.idle)
            after = await one.ask("tell")
            await one.stop()
    seconds = bench.size.idle
    return Outcome(
        figures={
            "statements": (after["statements"] - before["statements"]) / seconds,
            "cpu": 1000 * (after["cpu"] - before["cpu"]) / seconds,
            "memory": after["rss"],
        }
    )


IDLE = Scenario(
    name="idle",
    about="A worker without jobs, from one second after its start.",
    figures=(
        Figure(name="memory", title="memory, MB"),
        Figure(name="cpu", title="CPU, ms a second"),
        Figure(name="statements", title="statements a second"),
    ),
    cases=_cases,
)
