"""A route for Prometheus to scrape, for an existing FastAPI application."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from pgqueuer.metrics.prometheus import (
    DEFAULT_LAST,
    MetricNames,
    StatisticsSource,
    collect_metrics,
)

if TYPE_CHECKING:
    from fastapi import APIRouter


def create_metrics_router(
    repository: StatisticsSource,
    *,
    metric_names: MetricNames | None = None,
    last: timedelta = DEFAULT_LAST,
    path: str = "/metrics",
) -> APIRouter:
    """A router with one GET route that answers as `collect_metrics` does.

    Raises ImportError, with what to install, where FastAPI is missing.
    """
    try:
        from fastapi import APIRouter  # noqa: PLC0415
        from fastapi.responses import PlainTextResponse  # noqa: PLC0415
    except ImportError as error:
        raise ImportError(
            "The metrics route needs FastAPI. Install it with: pip install 'pgqueuer[fastapi]'"
        ) from error

    async def scrape() -> str:
        return await collect_metrics(repository, metric_names=metric_names, last=last)

    router = APIRouter()
    router.add_api_route(
        path, scrape, response_class=PlainTextResponse, response_model=None, name="pgqueuer_metrics"
    )
    return router
