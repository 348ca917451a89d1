"""Runs claimed jobs, one task each, and turns how they end into settlements."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from itertools import islice
from typing import Any

from pgqueuer.core.executors import AbstractEntrypointExecutor
from pgqueuer.core.logconfig import logger
from pgqueuer.core.running import Run, current_run
from pgqueuer.core.tracing import TracerGuard
from pgqueuer.core.worker.completing import Completions
from pgqueuer.domain.errors import InvalidPayloadError, RetryRequested, Snooze, retry_request
from pgqueuer.domain.lifecycle import Settlement
from pgqueuer.domain.models import Context, Job, TracebackRecord, utc_now
from pgqueuer.domain.types import JOB_STATUS, JobId, QueueEntrypoint

STARTS_AT_ONCE = 50
"""So many jobs take their first step before the event loop looks at its connections again."""


class Dispatcher:
    """Knows the jobs that are running now; `on_end` gets a settlement for each that ends.

    With it come the seconds that the job took.

    A task that is canceled from outside puts its job back to the queue. A job whose lease was
    lost has no say any more: its settlement is not made.
    """

    def __init__(
        self,
        executors: Mapping[QueueEntrypoint, AbstractEntrypointExecutor],
        contexts: MutableMapping[JobId, Context],
        resources: MutableMapping[str, object],
        tracer: TracerGuard,
        on_end: Callable[[Job, Settlement | None, float], None],
        completions: Completions,
    ) -> None:
        self._executors = executors
        self._contexts = contexts
        self._resources = resources
        self._tracer = tracer
        self._on_end = on_end
        self._completions = completions
        self._running: dict[asyncio.Task[Settlement], tuple[Job, float]] = {}
        self._unstarted: dict[JobId, Job] = {}
        self._canceling = False
        self._begun = asyncio.Event()
        self._begun.set()
        self._lost: set[JobId] = set()
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def running(self) -> int:
        """How many jobs have been handed over and have not ended."""
        return len(self._running) + len(self._unstarted)

    def start(self, jobs: list[Job], on_started: Callable[[], None]) -> None:
        """Begin the jobs, some at each turn of the event loop; tell when the last one has begun."""
        for job in jobs:
            context = Context(resources=self._resources, job=job, completer=self._completions.store)
            self._contexts[job.id] = context
            self._unstarted[job.id] = job
        if jobs:
            self._idle.clear()
            self._begun.clear()
        self._start_some(iter(jobs), on_started)

    def _start_some(self, jobs: Iterator[Job], on_started: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        some = list(islice(jobs, STARTS_AT_ONCE))
        for job in some:
            del self._unstarted[job.id]
            task = loop.create_task(self._run(job, self._contexts[job.id]))
            self._running[task] = job, now
            task.add_done_callback(self._ended)
            if self._canceling:
                task.cancel()
        # What is called soon runs after the first steps of these tasks.
        if len(some) < STARTS_AT_ONCE:
            loop.call_soon(self._started, on_started)
        else:
            loop.call_soon(self._start_some, jobs, on_started)

    def _started(self, on_started: Callable[[], None]) -> None:
        if not self._unstarted:
            self._begun.set()
        on_started()

    async def _run(self, job: Job, context: Context) -> Settlement:
        this_run = Run(job.id, job.entrypoint)
        current_run.set(this_run)
        if context.canceled:
            return _settlement(job, "canceled")
        executor = self._executors[job.entrypoint]
        typed = _parameter(executor, "typed", None)
        try:
            async with self._tracer.process(job):
                if typed is None:
                    await executor.execute(job, context)
                else:
                    await typed.execute(executor.execute, job, context)
        except InvalidPayloadError as error:
            return self._parked(job, error)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            return await self._ended_by(error, job, context)
        except (Exception, SystemExit) as error:  # every end is an outcome
            return await self._ended_by(error, job, context)
        if context.transaction and await self._completions.is_complete(job, context):
            return _completed(job)
        return _settlement(job, "canceled" if context.canceled else "successful")

    async def _ended_by(self, error: BaseException, job: Job, context: Context) -> Settlement:
        if context.transaction and await self._completions.is_complete(job, context):
            return _completed(job, error)
        if isinstance(error, asyncio.CancelledError) and context.canceled:
            return _settlement(job, "canceled")
        return self._failed(job, error)

    def _failed(self, job: Job, error: BaseException) -> Settlement:
        request = retry_request(error)
        if request is not None:
            impossible = _impossible(request)
            if impossible is None:
                return self._retried(job, error, request)
            impossible.__cause__ = error
            error = impossible
        logger.error(
            "Job %s of entrypoint %s%s failed: %s",
            job.id,
            job.entrypoint,
            getattr(self._executors[job.entrypoint], "provided_by", ""),
            type(error).__name__,
            exc_info=error,
        )
        hold = _parameter(self._executors[job.entrypoint], "on_failure", "delete") == "hold"
        record = failure_record(job, error, {"entrypoint": job.entrypoint})
        return _settlement(job, "failed" if hold else "exception", record)

    def _parked(self, job: Job, error: InvalidPayloadError) -> Settlement:
        # Without a traceback, which may show the payload.
        logger.error(
            "Job %s of entrypoint %s is parked as failed: %s", job.id, job.entrypoint, error
        )
        return _settlement(
            job, "failed", failure_record(job, error, {"entrypoint": job.entrypoint})
        )

    def _retried(self, job: Job, error: BaseException, request: RetryRequested) -> Settlement:
        logger.info(
            "Job %s of entrypoint %s is put back, to run again in %s",
            job.id,
            job.entrypoint,
            request.delay,
        )
        counts = not isinstance(request, Snooze)
        about = {
            "entrypoint": job.entrypoint,
            "queue_manager_id": str(job.queue_manager_id),
            "attempt": job.attempts + counts,
            "retry_delay": str(request.delay),
            "reason": request.reason,
        }
        record = failure_record(job, error, about)
        return Settlement(job.id, job.queue_manager_id, "queued", record, request.delay, counts)

    def _ended(self, task: asyncio.Task[Settlement]) -> None:
        job, started = self._running.pop(task)
        if task.cancelled():
            settlement = Settlement(job.id, job.queue_manager_id, "queued", counts=False)
        else:
            error = task.exception()
            settlement = task.result() if error is None else self._failed(job, error)
        lost = job.id in self._lost
        self._lost.discard(job.id)
        self._contexts.pop(job.id, None)
        if not self.running:
            self._idle.set()
        ran = task.get_loop().time() - started
        self._on_end(job, None if lost else settlement, ran)

    def lose(self, job_id: JobId) -> None:
        """The lease of a running job is gone: ask its handler to stop, ignore what it returns."""
        context = self._contexts.get(job_id)
        if context is None or context.transaction or job_id in self._lost:
            # What becomes of a job that its handler completed is looked up when that ends.
            return
        self._lost.add(job_id)
        logger.warning("Lost the lease of job %s; its handler is asked to stop", job_id)
        context.cancel()

    def runs(self, job_id: JobId) -> bool:
        """Whether a handler of this job has not ended yet."""
        return job_id in self._contexts

    def keeps(self, job_id: JobId) -> bool:
        """Whether the job was started here and has not lost its lease since."""
        here = any(job.id == job_id for job, _ in self._running.values())
        return (here or job_id in self._unstarted) and job_id not in self._lost

    def cancel(self) -> None:
        """Cancel every task, those yet to be made too, which puts the jobs back."""
        self._canceling = True
        for task in list(self._running):
            task.cancel()

    async def all_started(self) -> None:
        """Wait until each job has taken its first step."""
        await self._begun.wait()

    async def idle(self) -> None:
        """Wait until nothing runs."""
        await self._idle.wait()


def _parameter(executor: AbstractEntrypointExecutor, name: str, default: Any) -> Any:
    """What was declared; parameters of an executor of 1.x may lack what came later."""
    return getattr(executor.parameters, name, default)


def _impossible(request: RetryRequested) -> Exception | None:
    """Why no store can put the job back that long; a job that waited for it would never end."""
    try:
        _ = utc_now() + request.delay
    except (TypeError, OverflowError):
        return ValueError(
            "The delay of a retry must be a timedelta that ends before the year 10000, "
            f"got {request.delay!r}"
        )
    return None


def _settlement(job: Job, status: JOB_STATUS, record: TracebackRecord | None = None) -> Settlement:
    return Settlement(job.id, job.queue_manager_id, status, record)


def _completed(job: Job, error: BaseException | None = None) -> Settlement:
    """What the handler committed; whatever it raised afterwards changes nothing."""
    if error is not None:
        logger.warning(
            "The handler of job %s raised after the job was completed in a transaction",
            job.id,
            exc_info=error,
        )
    return Settlement(job.id, job.queue_manager_id, "successful", written=True)


def failure_record(job: Job, error: BaseException, about: dict[str, object]) -> TracebackRecord:
    """What is known of the failure; an exception whose text can not be made fails no further."""
    try:
        return TracebackRecord.from_exception(error, job.id, about)
    except Exception as broken:  # foreign __str__
        logger.warning("The exception of job %s can not be shown", job.id, exc_info=broken)
        return TracebackRecord(
            job_id=job.id,
            timestamp=utc_now(),
            exception_type=type(error).__name__,
            exception_message="(its message can not be shown)",
            traceback="",
            additional_context=about,
        )
