"""Tells observers what a worker does, batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pgqueuer.core.logconfig import logger
from pgqueuer.core.loop_watch import LoopWatch
from pgqueuer.domain.lifecycle import Settlement
from pgqueuer.domain.models import Job
from pgqueuer.ports.observer import (
    OUTCOME,
    ClaimingChanged,
    JobOutcome,
    LoopBlocked,
    WorkerEvent,
    WorkerObserver,
)
from pgqueuer.ports.repository import RepositoryPort


class Observers:
    """The observers of one worker; false where there are none, so that nothing need be made."""

    def __init__(self, observers: Sequence[WorkerObserver] = ()) -> None:
        self._observers = observers
        self._reported: set[tuple[type, type[BaseException]]] = set()

    def __bool__(self) -> bool:
        return bool(self._observers)

    def tell(self, event: WorkerEvent) -> None:
        """Hand `event` to each; a fault of one is logged once for each kind."""
        for observer in self._observers:
            try:
                observer.observe(event)
            except Exception as error:  # foreign code
                self._report(observer, error)

    def _report(self, observer: WorkerObserver, error: Exception) -> None:
        kind = (type(observer), type(error))
        if kind not in self._reported:
            self._reported.add(kind)
            logger.error(
                "The observer %s failed; jobs go on. Said once for this kind of fault.",
                type(observer).__name__,
                exc_info=error,
            )


class ClaimingSign:
    """Whether the worker claims jobs; observers are told when that changes."""

    def __init__(self, observers: Observers) -> None:
        self._observers = observers
        self._claiming = False

    def tell(self, claiming: bool) -> None:
        """Take note, and tell what is new."""
        if claiming != self._claiming:
            self._claiming = claiming
            self._observers.tell(ClaimingChanged(claiming=claiming))


def loop_watch(
    queries: RepositoryPort, observers: Observers, busy: Callable[[], bool]
) -> LoopWatch:
    """Watches the running event loop as the settings of `queries` say, and tells `observers`."""

    def tell(seconds: float, entrypoints: tuple[str, ...]) -> None:
        observers.tell(LoopBlocked(seconds=seconds, entrypoints=entrypoints))

    return LoopWatch(queries.qbe.settings.loop_blocked_after, busy, tell)


def outcome_of(job: Job, settlement: Settlement | None, ran: float) -> JobOutcome:
    """What observers are told of the end of a run; no settlement: the job has changed hands."""
    outcome: OUTCOME = "lost" if settlement is None else _outcome(settlement)
    return JobOutcome(job.entrypoint, outcome, waited(job), ran)


def waited(job: Job) -> float:
    """Seconds from when `job` was eligible until its claim, both by the clock of the database."""
    return max((job.updated - max(job.created, job.execute_after)).total_seconds(), 0.0)


def _outcome(settlement: Settlement) -> OUTCOME:
    match settlement.status:
        case "queued":
            return "retried" if settlement.counts else "released"
        case "successful" | "exception" | "failed" | "canceled":
            return settlement.status
        case other:
            raise ValueError(f"no worker settles a job as {other}")
