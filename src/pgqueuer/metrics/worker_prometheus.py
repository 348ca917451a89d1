"""What a worker does as Prometheus metrics, and the service that serves them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    start_http_server,
)

from pgqueuer.ports.observer import (
    ClaimingChanged,
    JobsClaimed,
    JobsSettled,
    ListenerChanged,
    LoopBlocked,
    WorkerEvent,
)

if TYPE_CHECKING:
    from pgqueuer.plugins.specs import ServiceContext

DEFAULT_PORT = "9464"
DEFAULT_HOST = "127.0.0.1"

SECONDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 7_200)
CLAIMS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000)

logger = logging.getLogger("pgqueuer")


class PrometheusObserver:
    """Keeps the metrics of one worker in `registry`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._jobs = Counter(
            "pgqueuer_worker_jobs",
            "Runs of jobs by how they ended; lost: another worker has taken the job over.",
            ["entrypoint", "outcome"],
            registry=registry,
        )
        self._ran = Histogram(
            "pgqueuer_worker_job_run_seconds",
            "How long handlers took.",
            ["entrypoint"],
            buckets=SECONDS,
            registry=registry,
        )
        self._waited = Histogram(
            "pgqueuer_worker_job_wait_seconds",
            "From when a job could run until a worker claimed it.",
            ["entrypoint"],
            buckets=SECONDS,
            registry=registry,
        )
        self._claimed = Histogram(
            "pgqueuer_worker_claim_jobs",
            "Jobs of one claim.",
            buckets=CLAIMS,
            registry=registry,
        )
        self._held = Gauge(
            "pgqueuer_worker_jobs_held",
            "Jobs that run, or whose outcome is not written yet.",
            registry=registry,
        )
        self._listener = Gauge(
            "pgqueuer_worker_listener_healthy",
            "1 while notifications are heard, 0 while the worker polls.",
            registry=registry,
        )
        self._listener.set(1)
        self._claiming = Gauge(
            "pgqueuer_worker_claiming",
            "1 while the worker claims jobs, 0 while it stops or can not reach the database.",
            registry=registry,
        )
        self._blocked = Histogram(
            "pgqueuer_worker_loop_blocked_seconds",
            "How long the event loop did not turn, by the entrypoint that was seen to keep it.",
            ["entrypoint"],
            buckets=SECONDS,
            registry=registry,
        )

    def observe(self, event: WorkerEvent) -> None:
        """Count the jobs of a batch."""
        match event:
            case JobsSettled():
                self._held.set(event.held)
                for outcome in event.outcomes:
                    self._ran.labels(outcome.entrypoint).observe(outcome.ran)
                    self._waited.labels(outcome.entrypoint).observe(outcome.waited)
                for (entrypoint, ending), count in event.tally().items():
                    self._jobs.labels(entrypoint, ending).inc(count)
            case JobsClaimed():
                self._held.set(event.held)
                self._claimed.observe(event.count)
            case ListenerChanged():
                self._listener.set(event.healthy)
            case ClaimingChanged():
                self._claiming.set(event.claiming)
            case LoopBlocked():
                self._blocked.labels("".join(event.entrypoints[:1])).observe(event.seconds)


@asynccontextmanager
async def serve_metrics(context: ServiceContext) -> AsyncGenerator[None]:
    """Answer GET /metrics with the metrics of the worker and of its process.

    At `metrics-host` and `metrics-port`, by default 127.0.0.1:9464. Raises OSError when the port
    is taken.
    """
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    host = context.options.get("metrics-host", DEFAULT_HOST)
    port = int(context.options.get("metrics-port", DEFAULT_PORT))
    server, thread = start_http_server(port, host, registry)
    context.observers.append(PrometheusObserver(registry))
    logger.info("Metrics at http://%s:%s/metrics", host, port)
    try:
        yield
    finally:
        await asyncio.to_thread(server.shutdown)
        server.server_close()
        thread.join()
