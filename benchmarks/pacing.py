"""A producer that sends at a pace, and a worker that is up to it or not."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from benchmarks.children import result_of
from benchmarks.contestants import Contestant
from benchmarks.link import Tally
from benchmarks.measuring import Bench, Outcome
from benchmarks.place import new_place
from benchmarks.producer import ProducerOptions
from benchmarks.running import Drain, until, worker
from benchmarks.snapshots import held_snapshot

WARM_UP = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """So many jobs a second for so long; the first `lead_in` seconds are left out."""

    rate: float
    seconds: float
    lead_in: float
    snapshot: bool = False


@dataclass(frozen=True, slots=True)
class Sample:
    """When a job was sent, in seconds from the first one, and how long until it started."""

    at: float
    waited: float


async def paced(bench: Bench, contestant: Contestant, pace: Pace) -> Outcome:
    """From just before a job is enqueued until its handler runs, and what the log of that took.

    The worker has run other jobs before, as tables without statistics and statements without
    plans are those of the first second only.
    """
    async with new_place(bench.dsn) as place, AsyncExitStack() as stack:
        await contestant.install(place)
        await contestant.fill(place, WARM_UP)
        await contestant.tidy(place)
        if pace.snapshot:
            await stack.enter_async_context(held_snapshot(bench.dsn))
        tally = Tally.create(bench.folder / "tally", 1)
        one = await stack.enter_async_context(
            worker(bench, place, contestant, Drain(jobs=WARM_UP), payloads="times")
        )
        await one.ask("go")
        await until(lambda: tally.handled >= WARM_UP, [one])
        wal = await place.wal()
        options = ProducerOptions(
            contestant=contestant.name, how="paced", rate=pace.rate, seconds=pace.seconds
        )
        sent = await result_of(
            "benchmarks.producer", {**place.environment(), **options.environment()}
        )
        due = WARM_UP + sent["warm_up"] + sent["sent"]
        await until(lambda: tally.handled >= due, [one])
        end = await place.wal()
        samples = _samples((await one.ask("samples"))["samples"], sent["start"])
        await one.stop()
    figures = _figures(samples, pace)
    figures["call"] = _percentiles(sent["calls"])[98]
    if wal is not None and end is not None:
        figures["wal"] = (end - wal) / sent["sent"]
    return Outcome(figures=figures)


def _samples(times: Sequence[int], start: int) -> list[Sample]:
    """Of the jobs at a pace; those before them carry smaller numbers."""
    pairs = zip(times[::2], times[1::2], strict=True)
    return [
        Sample((sent - start) / 1e9, (began - sent) / 1e9) for sent, began in pairs if sent >= start
    ]


def _figures(samples: Sequence[Sample], pace: Pace) -> dict[str, float]:
    waited = [1000 * one.waited for one in samples if one.at >= pace.lead_in]
    cuts = _percentiles(waited)
    third = pace.seconds / 3
    last = [one for one in samples if 2 * third <= one.at + one.waited < pace.seconds]
    return {"p50": cuts[49], "p95": cuts[94], "p99": cuts[98], "started": len(last) / third}


def _percentiles(values: Sequence[float]) -> list[float]:
    """From the first to the 99th."""
    return statistics.quantiles(values, n=100, method="inclusive")
