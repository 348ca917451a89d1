"""Claiming jobs: how many at once, and what becomes of those that a failed claim took."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from functools import partial

from pgqueuer.core.executors import AbstractEntrypointExecutor
from pgqueuer.core.logconfig import logger
from pgqueuer.domain.lifecycle import DEFAULT_MAX_TAKEOVERS, ClaimRequest, EntrypointTerms
from pgqueuer.domain.models import Job
from pgqueuer.domain.types import JobId, QueueManagerId
from pgqueuer.ports.repository import JobStore, NotificationPort

FIRST_BATCH = 10
LARGEST_BATCH = 500
"""Beyond this a larger claim saves next to nothing and holds more rows at a time."""

PROMPT_START = 0.02
SLOW_START = 0.1
"""Seconds that a claimed batch may take until its last job has begun."""


class BatchSizer:
    """Finds the batch size: it doubles while claims come back full and their jobs start promptly.

    Handlers that block the event loop delay the start of the jobs claimed with them; then the
    size is halved, so that a worker does not sit on jobs that others could run. A size that the
    user gave is the first and the largest.

    While jobs start promptly (`prompt`), the next claim is sent before they run, so that the
    database works while the handlers do.
    """

    def __init__(self, given: int | None) -> None:
        self._largest = LARGEST_BATCH if given is None else given
        self.size = FIRST_BATCH if given is None else given
        self.prompt = False

    def watch(self, asked: int, claimed: int) -> Callable[[], None]:
        """Call it before the jobs of a claim are started, and what it returns when they are."""
        claimed_at = asyncio.get_running_loop().time()
        return partial(self._adapt, claimed_at, asked == claimed and asked == self.size)

    def _adapt(self, claimed_at: float, full: bool) -> None:
        delay = asyncio.get_running_loop().time() - claimed_at
        self.prompt = delay < PROMPT_START
        if delay > SLOW_START:
            self.size = max(self.size // 2, 1)
        elif full and self.prompt:
            self.size = min(self.size * 2, self._largest)


LATE_CLAIMS = 2
"""So many times after a failed claim the queue is asked, at most a lease apart, what it took."""

RECOVERY_TIMEOUT = 5.0
"""Seconds for putting jobs back at the end of a run."""


class Claims:
    """Claims jobs for `owner`, and puts back what is picked for it without its knowing.

    A claim that failed may have been done all the same, or be done yet; no other worker sees that
    its jobs run nowhere while this one is alive. `held` are the jobs that it knows of, `settling`
    those with an outcome on its way. An outcome may be about the delivery that was claimed
    unknowingly, or about the one before: that is known once it is written.
    """

    def __init__(
        self,
        store: JobStore,
        owner: QueueManagerId,
        held: Collection[JobId],
        settling: Collection[JobId],
    ) -> None:
        self._store = store
        self._owner = owner
        self._held = held
        self._settling = settling
        self._contested: set[JobId] = set()
        self._late = 0
        self._turn = asyncio.Lock()
        # A run before this one may have left jobs to the same owner.
        self._unknown = True

    @property
    def settled(self) -> bool:
        """Whether nothing keeps `recover` from telling whose the jobs are."""
        return self._contested.isdisjoint(self._settling)

    async def claim(self, request: ClaimRequest) -> list[Job]:
        """See `JobStore.claim`; take what it returns before anything else is awaited."""
        async with self._turn:
            try:
                return await self._store.claim(request)
            except BaseException:
                self.doubt()
                self._late = LATE_CLAIMS
                raise

    def contest(self, job_id: JobId) -> None:
        """A job was claimed while its outcome was on its way: it will be put back."""
        self._contested.add(job_id)
        self._unknown = True

    def suspect_late(self) -> bool:
        """Call now and then: tells whether a failed claim may have been done since."""
        if not self._late:
            return False
        self._late -= 1
        self.doubt()
        return True

    def doubt(self) -> None:
        """Something happened that tells that a failed claim may have been done."""
        self._unknown = True
        self._contested.update(self._settling)

    async def recover(self) -> None:
        """Put back what is not held, if there may be any; call it when `settled`."""
        async with self._turn:
            if self._unknown:
                await self._store.recover_claims(self._owner, list(self._held))
                self._unknown = False
                self._contested.clear()

    async def recover_at_end(self) -> None:
        """As `recover`, unless that fails or takes too long: the leases expire then."""
        try:
            async with asyncio.timeout(RECOVERY_TIMEOUT):
                await self.recover()
        except Exception:
            logger.warning(
                "Jobs that a failed claim may have taken run again when their lease expires",
                exc_info=True,
            )


def terms_of(executor: AbstractEntrypointExecutor) -> EntrypointTerms:
    """What a worker declares about an entrypoint when it claims."""
    parameters = executor.parameters
    return EntrypointTerms(
        concurrency_limit=parameters.concurrency_limit,
        max_takeovers=getattr(parameters, "max_takeovers", DEFAULT_MAX_TAKEOVERS),
    )


async def offer_seats(queries: NotificationPort) -> None:
    """Tell the others that this worker takes the seats that it freed no more."""
    try:
        await queries.notify_work()
    except Exception:
        logger.warning("Other workers could not be told of free seats", exc_info=True)
