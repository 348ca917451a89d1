"""The life of a job: its statuses, who may change them, and how a worker states an outcome.

::

    enqueue ──▶ queued ──claim──▶ picked ──▶ successful │ exception │ canceled   (row deleted)
                  ▲ ▲               │ │
                  │ └─retry/release─┘ ├──▶ failed (parked, on_failure="hold")
                  │   /lease expired  │      │
                  └──────requeue──────┼──────┘
                                      └──▶ failed (parked, too many expired leases)

Only the owner, the worker named in `queue_manager_id`, may settle a picked job.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from pgqueuer.domain.models import TracebackRecord
from pgqueuer.domain.types import JOB_STATUS, JobId, QueueEntrypoint, QueueManagerId

TERMINAL: frozenset[JOB_STATUS] = frozenset({"successful", "exception", "canceled", "deleted"})
"""Statuses that remove the row from the queue; only the log remembers them."""

ACTIVE: frozenset[JOB_STATUS] = frozenset({"queued", "picked"})
"""Statuses in which a job holds its dedupe key."""

_NEXT: dict[JOB_STATUS | None, frozenset[JOB_STATUS]] = {
    None: frozenset({"queued"}),
    "queued": frozenset({"picked", "canceled", "deleted"}),
    "picked": frozenset({*TERMINAL, "queued", "failed"}),
    "failed": frozenset({"queued", "canceled", "deleted"}),
}
TRANSITIONS: Mapping[JOB_STATUS | None, frozenset[JOB_STATUS]] = MappingProxyType(_NEXT)
"""From each status of the queue table (None: not there yet) to where a job may go next."""

DEFAULT_MAX_TAKEOVERS = 5
"""So many times a job may come back from a dead worker before it is parked."""

SUSPECT_TAKEOVERS = 2
"""From so many takeovers on a job runs alone in its worker, so that a culprit shows itself."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a worker says about one job that it holds.

    `status` is a terminal status, `failed` (park the row) or `queued` (put it back, eligible after
    `delay`; `counts` tells whether that is one more attempt). It takes effect only while the row
    is picked by `owner`.
    """

    job_id: JobId
    owner: QueueManagerId | None
    status: JOB_STATUS
    traceback: TracebackRecord | None = None
    delay: timedelta = timedelta(0)
    counts: bool = True


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
