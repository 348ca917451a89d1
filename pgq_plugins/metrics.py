"""Services that publish what a worker does as metrics."""

from __future__ import annotations

from collections.abc import Iterator

from pgqueuer.plugins import ServiceSpec, hookimpl


@hookimpl
def pgqueuer_register_services() -> Iterator[ServiceSpec]:
    yield ServiceSpec(
        name="prometheus",
        factory="pgqueuer.metrics.worker_prometheus:serve_metrics",
        summary="answers Prometheus at --metrics-port",
        requires=("prometheus_client",),
        install="pip install 'pgqueuer[prometheus]'",
    )
    yield ServiceSpec(
        name="opentelemetry-metrics",
        factory="pgqueuer.metrics.worker_opentelemetry:record_metrics",
        summary="records metrics with OpenTelemetry, as the program has set it up",
        requires=("opentelemetry",),
        install="pip install 'pgqueuer[opentelemetry]'",
    )
