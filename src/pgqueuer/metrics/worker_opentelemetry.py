"""What a worker does as OpenTelemetry metrics."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from opentelemetry.metrics import CallbackOptions, Meter, Observation, get_meter

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


class OpenTelemetryObserver:
    """Records the metrics of one worker with `meter`.

    The duration is that of the semantic conventions for messaging:
    https://opentelemetry.io/docs/specs/semconv/messaging/messaging-metrics/
    """

    def __init__(self, meter: Meter) -> None:
        self._held = 0
        self._healthy = True
        self._claiming = False
        self._jobs = meter.create_counter(
            "pgqueuer.worker.jobs", "{job}", "Runs of jobs by how they ended."
        )
        self._ran = meter.create_histogram(
            "messaging.process.duration", "s", "How long handlers took."
        )
        self._waited = meter.create_histogram(
            "pgqueuer.worker.job.wait", "s", "From when a job could run until its claim."
        )
        self._claimed = meter.create_histogram(
            "pgqueuer.worker.claim", "{job}", "Jobs of one claim."
        )
        self._blocked = meter.create_histogram(
            "pgqueuer.worker.loop.blocked", "s", "How long the event loop did not turn."
        )
        meter.create_observable_gauge("pgqueuer.worker.jobs.held", [self._observe_held], "{job}")
        meter.create_observable_gauge("pgqueuer.worker.listener.healthy", [self._observe_listener])
        meter.create_observable_gauge("pgqueuer.worker.claiming", [self._observe_claiming])

    def observe(self, event: WorkerEvent) -> None:
        """Record the jobs of a batch."""
        match event:
            case JobsSettled():
                self._held = event.held
                self._settled(event)
            case JobsClaimed():
                self._held = event.held
                self._claimed.record(event.count)
            case ListenerChanged():
                self._healthy = event.healthy
            case ClaimingChanged():
                self._claiming = event.claiming
            case LoopBlocked():
                by = "".join(event.entrypoints[:1])
                self._blocked.record(event.seconds, {"messaging.destination.name": by})

    def _settled(self, event: JobsSettled) -> None:
        for outcome in event.outcomes:
            about = {
                "messaging.system": "pgqueuer",
                "messaging.operation.name": "process",
                "messaging.destination.name": outcome.entrypoint,
            }
            self._ran.record(outcome.ran, about)
            self._waited.record(outcome.waited, about)
        for (entrypoint, ending), count in event.tally().items():
            about = {"messaging.destination.name": entrypoint, "pgqueuer.outcome": ending}
            self._jobs.add(count, about)

    def _observe_held(self, options: CallbackOptions) -> Iterable[Observation]:
        return [Observation(self._held)]

    def _observe_listener(self, options: CallbackOptions) -> Iterable[Observation]:
        return [Observation(int(self._healthy))]

    def _observe_claiming(self, options: CallbackOptions) -> Iterable[Observation]:
        return [Observation(int(self._claiming))]


@asynccontextmanager
async def record_metrics(context: ServiceContext) -> AsyncGenerator[None]:
    """Record with the global meter provider, which the program sets up."""
    context.observers.append(OpenTelemetryObserver(get_meter("pgqueuer")))
    yield
