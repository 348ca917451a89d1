"""The life of a job: its statuses, what moves it from one to another, and what each move changes.

The in-memory store applies these transitions, the statements in PostgreSQL are tested against
them, and docs/state-machine.md shows them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from types import MappingProxyType
from typing import Literal, NamedTuple

from pgqueuer.domain.models import TracebackRecord
from pgqueuer.domain.types import JOB_STATUS, JobId, QueueEntrypoint, QueueManagerId

TERMINAL: frozenset[JOB_STATUS] = frozenset({"successful", "exception", "canceled", "deleted"})
"""Statuses that remove the row from the queue; only the log remembers them."""

ACTIVE: frozenset[JOB_STATUS] = frozenset({"queued", "picked"})
"""Statuses in which a job holds its dedupe key."""

KEPT: tuple[JOB_STATUS, ...] = ("queued", "picked", "failed")
"""Statuses of rows in the queue table."""

DEFAULT_MAX_TAKEOVERS = 5
"""So many times a job may come back from a dead worker before it is parked."""

SUSPECT_TAKEOVERS = 2
"""From so many takeovers on a job runs alone in its worker, so that a culprit shows itself."""

LEASE_EXPIRED = "LeaseExpired"
LEASE_EXPIRED_MESSAGE = "The worker stopped renewing the lease of this job."
"""Type and message of the record that a takeover leaves in the log."""

Actor = Literal["producer", "worker", "owner", "another worker", "operator", "anyone"]


class Count(Enum):
    """What a transition does to a counter."""

    SAME = "unchanged"
    MORE = "+ 1"
    ZERO = "0"

    def after(self, value: int) -> int:
        """The counter after the transition."""
        if self is Count.MORE:
            return value + 1
        return 0 if self is Count.ZERO else value


class Due(Enum):
    """What a transition does to `execute_after`."""

    SAME = "unchanged"
    NOW = "now"
    DELAYED = "now + delay"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One way in which a job changes its status.

    `sources` has None for a job that is not there yet, and `target` is None for one that leaves
    no trace. Owner and lease begin with `picked` and end with it, and so does the seat of a
    limited entrypoint. A transition writes one log row with the new status, if it is `logged`;
    `explained` tells that the row carries a traceback record.
    """

    name: str
    sources: tuple[JOB_STATUS | None, ...]
    target: JOB_STATUS | None
    actor: Actor
    cause: str
    attempts: Count = Count.SAME
    takeovers: Count = Count.SAME
    execute_after: Due = Due.SAME
    logged: bool = True
    explained: bool = False

    @property
    def keeps_row(self) -> bool:
        """Whether the job is in the queue table afterwards."""
        return self.target in KEPT

    @property
    def leases(self) -> bool:
        """Whether the job has an owner afterwards, and a seat if its entrypoint is limited."""
        return self.target == "picked"


ENQUEUE = Transition(
    name="enqueue",
    sources=(None,),
    target="queued",
    actor="producer",
    cause="`enqueue`",
    attempts=Count.ZERO,
    takeovers=Count.ZERO,
    execute_after=Due.DELAYED,
)
CLAIM = Transition(
    name="claim",
    sources=("queued",),
    target="picked",
    actor="worker",
    cause="it claims the job",
)
SUCCEED = Transition(
    name="succeed",
    sources=("picked",),
    target="successful",
    actor="owner",
    cause="the handler returned",
)
FAIL = Transition(
    name="fail",
    sources=("picked",),
    target="exception",
    actor="owner",
    cause='the handler raised, `on_failure="delete"`',
    explained=True,
)
HOLD = Transition(
    name="hold",
    sources=("picked",),
    target="failed",
    actor="owner",
    cause='the handler raised, `on_failure="hold"`; or the row or its payload can not be read',
    explained=True,
)
STOP = Transition(
    name="stop",
    sources=("picked",),
    target="canceled",
    actor="owner",
    cause="`notify_job_cancellation` stopped the handler",
)
RETRY = Transition(
    name="retry",
    sources=("picked",),
    target="queued",
    actor="owner",
    cause="the handler raised `RetryRequested`",
    attempts=Count.MORE,
    execute_after=Due.DELAYED,
    explained=True,
)
SNOOZE = Transition(
    name="snooze",
    sources=("picked",),
    target="queued",
    actor="owner",
    cause="the handler raised `Snooze`; or, with no delay, the worker was stopped at once",
    execute_after=Due.DELAYED,
    explained=True,
)
RECOVER = Transition(
    name="recover",
    sources=("picked",),
    target="queued",
    actor="owner",
    cause="a lost connection kept a claim from reaching the worker",
)
TAKE_OVER = Transition(
    name="take over",
    sources=("picked",),
    target="queued",
    actor="another worker",
    cause="the lease expired",
    attempts=Count.MORE,
    takeovers=Count.MORE,
    explained=True,
)
PARK = Transition(
    name="park",
    sources=("picked",),
    target="failed",
    actor="another worker",
    cause="the lease expired after `max_takeovers` takeovers",
    attempts=Count.MORE,
    takeovers=Count.MORE,
    explained=True,
)
REQUEUE = Transition(
    name="requeue",
    sources=("failed",),
    target="queued",
    actor="operator",
    cause="`requeue_jobs`, `pgq requeue`",
    attempts=Count.ZERO,
    takeovers=Count.ZERO,
    execute_after=Due.NOW,
)
CANCEL = Transition(
    name="cancel",
    sources=KEPT,
    target="canceled",
    actor="anyone",
    cause="`mark_job_as_cancelled`",
)
DELETE = Transition(
    name="delete",
    sources=KEPT,
    target="deleted",
    actor="operator",
    cause='`clear_queue("entrypoint")`',
)
TRUNCATE = Transition(
    name="truncate",
    sources=KEPT,
    target=None,
    actor="operator",
    cause="`clear_queue()`",
    logged=False,
)

TRANSITIONS: tuple[Transition, ...] = (
    ENQUEUE,
    CLAIM,
    SUCCEED,
    FAIL,
    HOLD,
    STOP,
    RETRY,
    SNOOZE,
    RECOVER,
    TAKE_OVER,
    PARK,
    REQUEUE,
    CANCEL,
    DELETE,
    TRUNCATE,
)
"""Every way there is."""

_SETTLED: Mapping[JOB_STATUS, Transition] = MappingProxyType(
    {
        "successful": SUCCEED,
        "exception": FAIL,
        "failed": HOLD,
        "canceled": STOP,
        "deleted": DELETE,
    }
)


def settled_by(status: JOB_STATUS, *, counts: bool = True) -> Transition:
    """What an owner's outcome does; `counts` is for a job that goes back to the queue.

    Raises ValueError for `picked`, which is no outcome.
    """
    if status == "queued":
        return RETRY if counts else SNOOZE
    if status not in _SETTLED:
        raise ValueError(f"{status!r} is no outcome of a job")
    return _SETTLED[status]


def expired(takeovers: int, max_takeovers: int) -> Transition:
    """What becomes of a job whose lease ran out after so many takeovers."""
    return PARK if takeovers >= max_takeovers else TAKE_OVER


class Settlement(NamedTuple):
    """What a worker says about one job that it holds.

    `status` is a terminal status, `failed` (park the row) or `queued` (put it back, eligible after
    `delay`; `counts` tells whether that is one more attempt). It takes effect only while the row
    is picked by `owner`. One that is `written` by the handler itself is not for a store.
    """

    job_id: JobId
    owner: QueueManagerId | None
    status: JOB_STATUS
    traceback: TracebackRecord | None = None
    delay: timedelta = timedelta(0)
    counts: bool = True
    written: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EntrypointTerms:
    """What a worker declares about an entrypoint when it claims: 0 means no limit."""

    concurrency_limit: int = 0
    max_takeovers: int = DEFAULT_MAX_TAKEOVERS


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRequest:
    """One worker's wish for work.

    At most `batch_size` jobs are claimed. Suspects, jobs that were taken over
    `SUSPECT_TAKEOVERS` times or more, are claimed only when `suspects` is true, and then nothing
    else is.
    """

    owner: QueueManagerId
    batch_size: int
    entrypoints: Mapping[QueueEntrypoint, EntrypointTerms]
    suspects: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReapReport:
    """What became of the expired leases.

    `requeued` and `parked` count rows; `suspects` tells whether suspects wait in the queue;
    `next_expiry` is the time until the oldest lease left expires (None: nothing is picked).
    """

    requeued: int
    parked: int
    suspects: bool
    next_expiry: timedelta | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What an idle worker may expect.

    `ready`: jobs could be claimed right now. `saturated`: eligible jobs wait for a seat of their
    entrypoint's limit. `next_eligible`: time until the next deferred job is due (None: there is
    none). `other_limits`: entrypoints of which other workers hold more than our limit allows, so
    that they must have declared another one.
    """

    ready: bool
    saturated: bool
    next_eligible: timedelta | None
    other_limits: tuple[str, ...] = ()
