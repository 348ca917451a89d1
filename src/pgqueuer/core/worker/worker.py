"""The worker: claims while there is room, dispatches, settles, rests until something happens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, MutableMapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta

from pgqueuer.core.backoff import Backoff
from pgqueuer.core.executors import AbstractEntrypointExecutor
from pgqueuer.core.logconfig import logger
from pgqueuer.core.tracing import TracerGuard
from pgqueuer.core.worker.background import Background
from pgqueuer.core.worker.claim import BatchSizer, Claims, offer_seats, terms_of
from pgqueuer.core.worker.completing import Completions
from pgqueuer.core.worker.continuity import Continuity
from pgqueuer.core.worker.dispatch import Dispatcher
from pgqueuer.core.worker.garbage import old_objects_left_alone
from pgqueuer.core.worker.lease import LeaseKeeper, Reaper
from pgqueuer.core.worker.listener import QueueListener
from pgqueuer.core.worker.observing import ClaimingSign, Observers, loop_watch, outcome_of
from pgqueuer.core.worker.options import RunOptions
from pgqueuer.core.worker.resting import LULL, UNHEARD_POLL, Rest
from pgqueuer.core.worker.settle import SettleBuffer
from pgqueuer.core.worker.wakeup import Wakeup
from pgqueuer.domain.errors import UnwrittenOutcomesError
from pgqueuer.domain.lifecycle import (
    ClaimRequest,
    ReapReport,
    Settlement,
)
from pgqueuer.domain.models import Context, Job
from pgqueuer.domain.types import JobId, QueueEntrypoint, QueueManagerId
from pgqueuer.ports.observer import JobsClaimed, JobsSettled
from pgqueuer.ports.repository import RepositoryPort

RELEASE_TIMEOUT = 5.0
"""Seconds for putting jobs back when the run is canceled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerParts:
    """What a queue manager lends to one run."""

    queries: RepositoryPort
    owner: QueueManagerId
    executors: Mapping[QueueEntrypoint, AbstractEntrypointExecutor]
    contexts: MutableMapping[JobId, Context]
    resources: MutableMapping[str, object]
    tracer: TracerGuard
    shutdown: asyncio.Event
    count_settled: Callable[[int], None]
    shortest_poll: timedelta = field(default=timedelta(milliseconds=100))
    observers: Observers = field(default_factory=Observers)
    continuity: Continuity = field(default_factory=Continuity)


class Worker:
    """One run of a queue manager.

    `held` are the jobs whose lease is this worker's: those running, and those whose outcome is
    not written yet. `settling` are the jobs with an outcome on its way. Nothing is claimed while it
    is unknown whether an outcome was written, and what a failed claim took is put back.
    """

    def __init__(self, parts: WorkerParts, options: RunOptions, wakeup: Wakeup) -> None:
        self._parts = parts
        self._options = options
        self._queries = parts.queries
        self._wakeup = wakeup
        self._terms = {name: terms_of(executor) for name, executor in parts.executors.items()}
        self._sizer = BatchSizer(options.batch_size)
        self._held: dict[JobId, Job] = {}
        self._ran: dict[JobId, float] = {}
        self._observers = parts.observers
        self._suspects_wait = False
        self._claiming = ClaimingSign(self._observers)
        self._settling: set[JobId] = set()
        self._claims = Claims(parts.queries, parts.owner, self._held, self._settling)
        self._full = False
        self._scarce = False
        self._rest = Rest(
            parts.queries, self._terms, wakeup, parts.shutdown, options, parts.shortest_poll
        )
        self._buffer = SettleBuffer(parts.queries, self._settled)
        self._dispatcher = Dispatcher(
            parts.executors,
            parts.contexts,
            parts.resources,
            parts.tracer,
            self._ended,
            Completions(parts.queries),
        )
        timeout = options.heartbeat_timeout
        self._leases = LeaseKeeper(
            parts.queries, parts.owner, timeout, self._held, self._lease_lost
        )
        away = parts.continuity.after_outage
        self._reaper = Reaper(parts.queries, parts.owner, timeout, self._terms, self._reaped, away)
        parts.continuity.resume = self._resume

    async def run(
        self, listener: QueueListener, *companions: Coroutine[object, object, None]
    ) -> None:
        """Work until shutdown, or in drain mode until there is nothing left.

        `companions` run beside the work and are stopped with it.

        Raises UnwrittenOutcomesError when outcomes could not be written, and whatever a background
        part raised that the worker can not go on without. Cancellation puts the running jobs back.
        """
        async with AsyncExitStack() as stack:
            stack.enter_context(
                loop_watch(self._queries, self._observers, lambda: self._dispatcher.running > 0)
            )
            stack.enter_context(old_objects_left_alone())
            for companion in companions:  # a run that ends early may never have begun them
                stack.callback(companion.close)
            await stack.enter_async_context(self._buffer)
            stack.push_async_callback(listener.stop)
            await listener.start()
            watch = await stack.enter_async_context(Background(self._watch(listener)))
            for part in (self._leases.run(), *companions):
                await stack.enter_async_context(Background(part))
            try:
                async with Background(self._reaper.run()), Background(self._heed_shutdown()):
                    await self._work(listener, watch)
                self._claiming.tell(False)
                await self._dispatcher.idle()
            except BaseException:
                # Nobody would renew the leases of handlers that outlive the run.
                await self._put_back()
                raise
            finally:
                await self._finish()
            watch.check()

    async def _heed_shutdown(self) -> None:
        await self._parts.shutdown.wait()
        self._wakeup.set()

    async def _watch(self, listener: QueueListener) -> None:
        fatal = self._options.shutdown_on_listener_failure and not self._options.drain
        try:
            await listener.watch(fatal)
        finally:
            if fatal:
                self._wakeup.set()

    async def _work(self, listener: QueueListener, watch: Background) -> None:
        """Claim and start jobs while there is room for them."""
        backoff = Backoff()
        while not (self._parts.shutdown.is_set() or watch.ended):
            try:
                if self._suspects_wait:
                    await self._run_suspects()
                if await self._step(listener):
                    return
                backoff.reset()
            except Exception as error:
                self._claiming.tell(False)
                if self._parts.continuity.is_gone(self._queries):
                    raise
                if not backoff.failures:
                    logger.warning("The queue can not be reached, trying again", exc_info=error)
                await self._wakeup.wait(backoff.next_delay())

    async def _resume(self) -> None:
        await self._leases.renew()
        if not self._buffer.unsure and self._claims.settled:
            await self._claims.recover()

    async def _step(self, listener: QueueListener) -> bool:
        """One claim, or one rest; true when a drain is done."""
        self._wakeup.clear()
        if self._buffer.unsure or not self._claims.settled:
            if self._buffer.unsure:
                self._claiming.tell(False)
            await self._wakeup.wait(LULL)
            return False
        await self._claims.recover()
        wanted = self._wanted()
        self._full = wanted < 1
        if self._full:
            await self._wakeup.wait(None)
            return False
        jobs = await self._claim(wanted)
        self._scarce = len(jobs) < wanted
        if not self._scarce:
            return False
        if self._options.drain and not jobs and await self._drained():
            return True
        await self._rest.until_news(listener)
        return False

    def _wanted(self) -> int:
        capacity = self._options.capacity
        if capacity is None:
            return self._sizer.size
        return min(self._sizer.size, capacity - self._dispatcher.running)

    async def _claim(self, wanted: int, suspects: bool = False) -> list[Job]:
        jobs = await self._claims.claim(
            ClaimRequest(
                owner=self._parts.owner,
                batch_size=wanted,
                entrypoints=self._terms,
                suspects=suspects,
            )
        )
        self._claiming.tell(True)
        begun = self._sizer.watch(wanted, len(jobs))
        self._dispatcher.start([job for job in jobs if self._take(job)], begun)
        if jobs and self._observers:
            self._observers.tell(JobsClaimed(count=len(jobs), held=len(self._held)))
        if not self._sizer.prompt:
            await self._dispatcher.all_started()
        return jobs

    def _take(self, job: Job) -> bool:
        """Take the lease of `job`; tell whether to start it.

        An earlier delivery may still run here when the event loop was blocked for longer than a
        lease. Its handler then works under the new lease; if it was asked to stop, or an earlier
        manager of this process started it, the job waits until it has ended. Where the outcome of
        an earlier delivery is on its way, it may end this one too: the job is put back once that
        is known.
        """
        if job.id in self._settling:
            self._claims.contest(job.id)
            return False
        running = self._dispatcher.runs(job.id)
        if running and not self._dispatcher.keeps(job.id):
            back = timedelta(seconds=UNHEARD_POLL)
            self._settle(
                Settlement(job.id, job.queue_manager_id, "queued", delay=back, counts=False)
            )
        else:
            self._held[job.id] = job
        return not running

    def _settle(self, settlement: Settlement) -> None:
        self._settling.add(settlement.job_id)
        self._buffer.add_nowait(settlement)

    async def _drained(self) -> bool:
        """Whether nothing runs, everything is written and no job is queued."""
        if self._dispatcher.running:
            return False
        await self._buffer.drain()
        return not await self._queries.queued_work(list(self._terms))

    async def _run_suspects(self) -> None:
        """Run jobs that worker after worker died with, each alone, so that only one is to blame.

        Nothing else is claimed until the worker is empty and while a suspect is young. Where the
        running jobs take longer than a lease, the next reap tries again.
        """
        self._suspects_wait = False
        while await self._empty_soon() and not self._parts.shutdown.is_set():
            if not await self._claim(1, suspects=True):
                return

    async def _empty_soon(self) -> bool:
        try:
            async with asyncio.timeout(self._options.heartbeat_timeout.total_seconds()):
                await self._dispatcher.idle()
                await self._buffer.drain()
        except TimeoutError:
            return False
        return True

    def _ended(self, job: Job, settlement: Settlement | None, ran: float) -> None:
        if settlement is None:
            self._held.pop(job.id, None)
            if self._observers:
                outcomes = [outcome_of(job, None, ran)]
                self._observers.tell(JobsSettled(outcomes=outcomes, held=len(self._held)))
        else:
            if self._observers:
                self._ran[job.id] = ran
            if settlement.written:
                self._settled([settlement], [])
            else:
                self._settle(settlement)
                if self._limited(job):
                    self._buffer.request_flush()
        if self._scarce and not self._dispatcher.running:
            self._buffer.write_unless_few()
        if self._full or (self._options.drain and not self._dispatcher.running):
            self._wakeup.set()

    def _settled(self, written: Sequence[Settlement], lost: Sequence[JobId]) -> None:
        self._parts.count_settled(len(written) - len(lost))
        news = False
        ended: list[tuple[Settlement, Job]] = []
        for settlement in written:
            self._settling.discard(settlement.job_id)
            job = self._held.pop(settlement.job_id, None)
            news = news or settlement.status == "queued" or (job is not None and self._limited(job))
            if job is not None and self._observers:
                ended.append((settlement, job))
        canceled = {outcome.job_id for outcome in written if outcome.status == "canceled"}
        dropped = set(lost) - canceled
        for job_id in dropped:
            logger.warning("The outcome of job %s is dropped: its lease was lost", job_id)
        if ended:
            self._tell_settled(ended, dropped)
        if news:
            self._wakeup.set()

    def _tell_settled(self, ended: list[tuple[Settlement, Job]], lost: set[JobId]) -> None:
        outcomes = [
            outcome_of(job, None if job.id in lost else settlement, self._ran.pop(job.id, 0.0))
            for settlement, job in ended
        ]
        self._observers.tell(JobsSettled(outcomes=outcomes, held=len(self._held)))

    def _limited(self, job: Job) -> bool:
        """Whether the end of `job` frees a seat; not every store numbers its seats."""
        return self._terms[job.entrypoint].concurrency_limit > 0

    def _lease_lost(self, job_id: JobId) -> None:
        """A running job is no longer ours; an outcome on its way finds out by itself."""
        self._dispatcher.lose(job_id)
        if self._dispatcher.runs(job_id) and not self._dispatcher.keeps(job_id):
            self._held.pop(job_id, None)
            # The answer may be older than a claim that failed and took the job once more.
            self._claims.doubt()
            self._wakeup.set()

    def _reaped(self, report: ReapReport) -> None:
        self._suspects_wait = self._suspects_wait or report.suspects
        if self._claims.suspect_late() or report.requeued or report.suspects:
            self._wakeup.set()

    async def _put_back(self) -> None:
        """Cancel what runs; each task's end puts its job back."""
        self._dispatcher.cancel()
        try:
            async with asyncio.timeout(RELEASE_TIMEOUT):
                await self._dispatcher.idle()
        except TimeoutError:
            told = "%s handler(s) ignore their cancellation; a lease later their jobs run again"
            logger.error(told, self._dispatcher.running)

    async def _finish(self) -> None:
        """Write every outcome, or say which could not be written."""
        async with Background(self._buffer.drain()) as drain:
            patience = self._options.heartbeat_timeout.total_seconds()
            try:
                gone = self._parts.continuity.is_gone
                while not drain.ended and patience > 0 and not gone(self._queries):
                    await drain.wait(LULL)
                    patience -= 0 if self._parts.continuity.patient else LULL
            finally:
                # Whoever cancels the wait has to know them too.
                if not drain.ended:
                    raise UnwrittenOutcomesError(list(self._held))
        await self._claims.recover_at_end()
        if any(terms.concurrency_limit for terms in self._terms.values()):
            await offer_seats(self._queries)
