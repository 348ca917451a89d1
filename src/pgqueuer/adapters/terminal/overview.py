"""The numbers of the queue, and what failed in the last hour."""

from __future__ import annotations

from pgqueuer.adapters.terminal.rows import Row, View, fits, seconds
from pgqueuer.core.insights import InsightsService


async def gather(insights: InsightsService, entrypoint: str | None) -> list[Row]:
    """The six numbers of all jobs, then transitions of the last hour."""
    now = await insights.overview()
    numbers = {
        "Queued": now.queued_total,
        "Picked": now.picked_total,
        "Held": now.failed_total,
        "Workers": now.active_workers,
        "Oldest queued": seconds(now.oldest_queued_age_seconds),
        "Exceptions in the last hour": now.exceptions_recent,
    }
    rows = [Row(key=name, cells=("all", name, value)) for name, value in numbers.items()]
    flows = await insights.throughput()
    return rows + [
        Row(
            key=f"{flow.status} {flow.entrypoint}",
            cells=(flow.entrypoint, f"{flow.status} in the last hour", flow.total_count),
        )
        for flow in sorted(flows, key=lambda flow: (flow.entrypoint, flow.status))
        if fits(flow.entrypoint, entrypoint)
    ]


VIEW = View(
    name="overview", title="Overview", columns=("Entrypoint", "What", "Number"), gather=gather
)
