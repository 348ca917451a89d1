"""The code of the guide to metrics."""

from fastapi import FastAPI

from pgqueuer import PgQueuer, Queries
from pgqueuer.metrics.fastapi import create_metrics_router
from pgqueuer.ports.observer import JobsSettled, WorkerEvent


def route(app: FastAPI, queries: Queries) -> None:
    app.include_router(create_metrics_router(queries))


class FailureCount:
    def __init__(self) -> None:
        self.failures = 0

    def observe(self, event: WorkerEvent) -> None:
        if isinstance(event, JobsSettled):
            self.failures += sum(one.outcome == "exception" for one in event.outcomes)


def watch(pgq: PgQueuer) -> FailureCount:
    observer = FailureCount()
    pgq.qm.observers.append(observer)
    return observer
