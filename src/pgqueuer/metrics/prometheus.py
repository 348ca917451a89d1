"""The queue as Prometheus metrics, in the text exposition format 0.0.4."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol, runtime_checkable

from pgqueuer.domain.models import (
    EntrypointHealth,
    LogStatistics,
    PausedEntrypoint,
    QueueStatistics,
)
from pgqueuer.ports.pauses import EntrypointPausing

DEFAULT_LAST = timedelta(minutes=5)

WAITING = "pgqueuer_queue_waiting_seconds"
SILENT = "pgqueuer_queue_silent_seconds"
PAUSED = "pgqueuer_entrypoint_paused"
TRANSACTION = "pgqueuer_oldest_transaction_seconds"

_LABEL_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
_HELP_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n"})


@dataclass(frozen=True)
class MetricNames:
    """What the metrics are called."""

    queue_count: str = "pgqueuer_queue_count"
    log_count: str = "pgqueuer_logs_count"


class StatisticsSource(Protocol):
    """Where the numbers come from; any repository of the library will do."""

    async def queue_size(self) -> list[QueueStatistics]: ...

    async def log_statistics(
        self, limit: int | None, last: timedelta | None = None
    ) -> list[LogStatistics]: ...


@runtime_checkable
class HealthSource(Protocol):
    """What a repository of the library knows besides."""

    async def entrypoint_health(self) -> list[EntrypointHealth]: ...

    async def oldest_transaction(self) -> float: ...


async def collect_metrics(
    repository: StatisticsSource,
    *,
    metric_names: MetricNames | None = None,
    last: timedelta = DEFAULT_LAST,
) -> str:
    """The text to answer a scrape with.

    Jobs that are there now, and transitions of the last `last`, both by entrypoint and status.
    The latter is a gauge, not a counter: it goes down when the queue does less. From a
    `HealthSource` also how long jobs wait, workers are silent and transactions are open; and what
    is paused, where that can be.
    """
    names = metric_names or MetricNames()
    lines = [
        *aggregated_queue_statistics(await repository.queue_size(), names.queue_count),
        *aggregated_log_statistics(
            await repository.log_statistics(None, last), names.log_count, last
        ),
    ]
    if isinstance(repository, HealthSource):
        health = await repository.entrypoint_health()
        lines += aggregated_health(health, await repository.oldest_transaction())
    if isinstance(repository, EntrypointPausing):
        lines += aggregated_pauses(await repository.paused_entrypoints())
    return "".join(f"{line}\n" for line in lines)


def aggregated_health(health: Iterable[EntrypointHealth], transaction: float) -> Iterator[str]:
    """The lines of the metrics that are ages, in seconds."""
    rows = list(health)
    yield from _header(WAITING, "Since when the oldest job that could run waits.")
    for row in rows:
        yield prometheus_format(WAITING, {"entrypoint": row.entrypoint}, row.waiting_seconds)
    yield from _header(SILENT, "Since when the most silent picked job has no heartbeat.")
    for row in rows:
        yield prometheus_format(SILENT, {"entrypoint": row.entrypoint}, row.silent_seconds)
    yield from _header(TRANSACTION, "Age of the oldest open transaction of the database.")
    yield f"{TRANSACTION} {transaction}"


def aggregated_pauses(pauses: Iterable[PausedEntrypoint]) -> Iterator[str]:
    """The lines of the metric with a 1 for each paused entrypoint."""
    yield from _header(PAUSED, "1 for each entrypoint that is paused now.")
    for pause in pauses:
        yield prometheus_format(PAUSED, {"entrypoint": pause.entrypoint}, 1)


def aggregated_queue_statistics(
    statistics: Iterable[QueueStatistics], metric_name: str = MetricNames.queue_count
) -> Iterator[str]:
    """The lines of the metric that counts jobs."""
    yield from _header(metric_name, "Jobs in the queue now.")
    yield from aggregated_statistics(statistics, metric_name)


def aggregated_log_statistics(
    statistics: Iterable[LogStatistics],
    metric_name: str = MetricNames.log_count,
    last: timedelta = DEFAULT_LAST,
) -> Iterator[str]:
    """The lines of the metric that counts transitions in a window."""
    seconds = format(last.total_seconds(), "g")
    yield from _header(metric_name, f"Jobs that entered a status in the last {seconds} seconds.")
    yield from aggregated_statistics(statistics, metric_name)


def aggregated_statistics(
    statistics: Iterable[QueueStatistics | LogStatistics], metric_name: str
) -> Iterator[str]:
    """One sample line for each entrypoint and status, priorities and times summed up."""
    totals: Counter[tuple[str, str]] = Counter()
    for row in statistics:
        totals[row.entrypoint, row.status] += row.count
    for (entrypoint, status), total in sorted(totals.items()):
        labels = {"aggregation": "sum", "entrypoint": entrypoint, "status": status}
        yield prometheus_format(metric_name, labels, total)


def prometheus_format(metric_name: str, labels: Mapping[str, str], value: float) -> str:
    """One sample line, without a line end; label values are escaped."""
    pairs = ",".join(
        f'{name}="{str(label).translate(_LABEL_ESCAPES)}"' for name, label in labels.items()
    )
    return f"{metric_name}{{{pairs}}} {value}"


def _header(metric_name: str, meaning: str) -> Iterator[str]:
    yield f"# HELP {metric_name} {meaning.translate(_HELP_ESCAPES)}"
    yield f"# TYPE {metric_name} gauge"
