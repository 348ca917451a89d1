"""What a store should do, in the smallest words: a dict of jobs, a list of log rows, a clock.

Jobs have numbers, in the order in which they were inserted; times are hours since the beginning.
What a transition changes is read from the domain; which transition happens is said here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pgqueuer.domain import lifecycle
from pgqueuer.domain.lifecycle import Due, Transition

Owner = int
"""Which of the workers."""


class Duplicate(Exception):
    """An active job holds a dedupe key."""


@dataclass(slots=True)
class ModelJob:
    """A row of the queue."""

    number: int
    entrypoint: str
    priority: int
    key: str | None
    due: int = 0
    status: str | None = None
    owner: Owner | None = None
    seat: int | None = None
    attempts: int = 0
    takeovers: int = 0
    heartbeat: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """What a producer says about a job."""

    entrypoint: str
    priority: int = 0
    delay: int = 0
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a worker says about a job that it believes to hold."""

    number: int
    owner: Owner
    status: str
    delay: int = 0
    counts: bool = True
    record: str | None = None


LogRow = tuple[int, str, str, int, str | None]
"""Number, status, entrypoint, priority and the type of the exception."""


@dataclass
class Model:
    """The queue."""

    now: int = 0
    count: int = 0
    jobs: dict[int, ModelJob] = field(default_factory=dict)
    log: list[LogRow] = field(default_factory=list)
    moves: Counter[str] = field(default_factory=Counter)
    """How often each transition was made."""

    def move(
        self,
        job: ModelJob,
        transition: Transition,
        *,
        owner: Owner | None = None,
        seat: int | None = None,
        delay: int = 0,
        record: str | None = None,
    ) -> None:
        assert job.status in transition.sources, (job, transition.name)
        self.moves[transition.name] += 1
        job.status = transition.target
        job.attempts = transition.attempts.after(job.attempts)
        job.takeovers = transition.takeovers.after(job.takeovers)
        if transition.execute_after is not Due.SAME:
            job.due = self.now + (delay if transition.execute_after is Due.DELAYED else 0)
        job.owner, job.seat = (owner, seat) if transition.leases else (None, None)
        if transition.leases:
            job.heartbeat = self.now
        if not transition.keeps_row:
            del self.jobs[job.number]
        if transition.logged:
            assert transition.target is not None
            self.log.append((job.number, transition.target, job.entrypoint, job.priority, record))

    # Producers

    def enqueue(self, new: Sequence[NewJob], on_conflict: str) -> list[int | None]:
        keys = [job.key for job in new if job.key is not None]
        if on_conflict == "update_priority" and len(set(keys)) < len(keys):
            raise ValueError("a key stands twice")
        if on_conflict == "raise" and (len(set(keys)) < len(keys) or self.holders(keys)):
            raise Duplicate
        return [self._enqueue_one(job, on_conflict) for job in new]

    def _enqueue_one(self, new: NewJob, on_conflict: str) -> int | None:
        for holder in self.holders([new.key]):
            if on_conflict == "skip":
                return None
            holder.priority = max(holder.priority, new.priority)
            return holder.number
        job = ModelJob(self.count, new.entrypoint, new.priority, new.key)
        self.jobs[self.count] = job
        self.count += 1
        self.move(job, lifecycle.ENQUEUE, delay=new.delay)
        return job.number

    def holders(self, keys: Iterable[str | None]) -> list[ModelJob]:
        """The active jobs with these keys."""
        wanted = set(keys) - {None}
        return [
            job
            for job in self.jobs.values()
            if job.key in wanted and job.status in lifecycle.ACTIVE
        ]

    # Workers

    def claim(
        self, owner: Owner, batch: int, limits: Mapping[str, int], *, suspects: bool
    ) -> list[int]:
        claimed: list[int] = []
        for job in sorted(
            self.of_status("queued", limits), key=lambda job: (-job.priority, job.number)
        ):
            is_suspect = job.takeovers >= lifecycle.SUSPECT_TAKEOVERS
            if job.due > self.now or is_suspect != suspects:
                continue
            limit = limits[job.entrypoint]
            if limit and self.picked(job.entrypoint) >= limit:
                continue
            if len(claimed) == (1 if suspects else batch):
                break
            seat = self._free_seat(job.entrypoint) if limit else None
            self.move(job, lifecycle.CLAIM, owner=owner, seat=seat)
            claimed.append(job.number)
        return claimed

    def _free_seat(self, entrypoint: str) -> int:
        taken = {job.seat for job in self.of_status("picked", [entrypoint])}
        return next(seat for seat in range(len(taken) + 1) if seat not in taken)

    def settle(self, outcomes: Sequence[Outcome]) -> set[int]:
        """Write outcomes, the first one for each job; return the numbers that were lost."""
        first = {outcome.number: outcome for outcome in reversed(outcomes)}
        lost: set[int] = set()
        for outcome in first.values():
            job = self.held(outcome.number, outcome.owner)
            if job is None:
                lost.add(outcome.number)
                continue
            self.move(
                job,
                lifecycle.settled_by(outcome.status, counts=outcome.counts),
                delay=outcome.delay,
                record=outcome.record,
            )
        return lost

    def keep_leases(self, owner: Owner, numbers: Iterable[int]) -> set[int]:
        lost = {number for number in numbers if self.held(number, owner) is None}
        self.beat(set(numbers) - lost)
        return lost

    def beat(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            job = self.jobs.get(number)
            if job is not None and job.status == "picked":
                job.heartbeat = self.now

    def reap(
        self, owner: Owner | None, names: Collection[str], timeout: int, max_takeovers: int
    ) -> tuple[int, int, bool, int | None]:
        """How many were put back and parked; whether suspects wait; when the next lease ends."""
        others = [job for job in self.of_status("picked", names) if job.owner != owner]
        before = self.moves.copy()
        for job in others:
            if job.heartbeat + timeout <= self.now:
                transition = lifecycle.expired(job.takeovers, max_takeovers)
                self.move(job, transition, record=lifecycle.LEASE_EXPIRED)
        alive = [job.heartbeat + timeout - self.now for job in others if job.status == "picked"]
        suspects = any(
            job.takeovers >= lifecycle.SUSPECT_TAKEOVERS and job.due <= self.now
            for job in self.of_status("queued", names)
        )
        moved = self.moves - before
        return moved["take over"], moved["park"], suspects, min(alive, default=None)

    def recover_claims(self, owner: Owner, known: Collection[int]) -> int:
        unknown = [
            job
            for job in self.of_status("picked")
            if job.owner == owner and job.number not in known
        ]
        for job in unknown:
            self.move(job, lifecycle.RECOVER)
        return len(unknown)

    # Operators

    def requeue(self, numbers: Iterable[int]) -> int:
        failed = [job for job in self.find(numbers) if job.status == "failed"]
        keys = [job.key for job in failed if job.key is not None]
        if self.holders(keys) or len(set(keys)) < len(keys):
            raise Duplicate
        for job in failed:
            self.move(job, lifecycle.REQUEUE)
        return len(failed)

    def cancel(self, numbers: Iterable[int]) -> int:
        found = self.find(numbers)
        for job in found:
            self.move(job, lifecycle.CANCEL)
        return len(found)

    def clear(self, names: Collection[str] | None) -> None:
        for job in list(self.jobs.values()):
            if names is None:
                self.move(job, lifecycle.TRUNCATE)
            elif job.entrypoint in names:
                self.move(job, lifecycle.DELETE)

    # Looking

    def find(self, numbers: Iterable[int]) -> list[ModelJob]:
        """The jobs that are there, each once."""
        return [self.jobs[number] for number in dict.fromkeys(numbers) if number in self.jobs]

    def of_status(self, status: str, names: Collection[str] | None = None) -> list[ModelJob]:
        return [
            job
            for job in self.jobs.values()
            if job.status == status and (names is None or job.entrypoint in names)
        ]

    def picked(self, entrypoint: str) -> int:
        return len(self.of_status("picked", [entrypoint]))

    def held(self, number: int, owner: Owner) -> ModelJob | None:
        """The job if this worker holds it."""
        job = self.jobs.get(number)
        return job if job is not None and job.status == "picked" and job.owner == owner else None

    def outlook(self, limits: Mapping[str, int]) -> tuple[bool, bool, int | None]:
        """Whether jobs are ready, whether jobs wait for a seat, and when the next one is due."""
        waiting = {
            job.entrypoint
            for job in self.of_status("queued", limits)
            if job.due <= self.now and job.takeovers < lifecycle.SUSPECT_TAKEOVERS
        }
        full = {name for name, limit in limits.items() if limit and self.picked(name) >= limit}
        later = [job.due - self.now for job in self.of_status("queued", limits)]
        return (
            bool(waiting - full),
            bool(waiting & full),
            min((hours for hours in later if hours > 0), default=None),
        )

    def other_limits(self, limits: Mapping[str, int]) -> set[str]:
        """Limited entrypoints with a job that has no seat, or one beyond the limit."""
        return {
            job.entrypoint
            for job in self.of_status("picked", limits)
            if (limit := limits[job.entrypoint]) and (job.seat is None or job.seat >= limit)
        }

    def keyed(self) -> list[ModelJob]:
        """The active jobs with a dedupe key."""
        return self.holders(job.key for job in self.jobs.values())

    def sizes(self) -> Counter[tuple[str, int, str | None]]:
        return Counter((job.entrypoint, job.priority, job.status) for job in self.jobs.values())

    def statuses(self) -> dict[int, str]:
        """The newest status of each job that ever was."""
        return {row[0]: row[1] for row in self.log}
