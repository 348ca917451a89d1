"""Claim, settle, lease and takeover as a machine small enough to be looked at in every state.

A state has the rows, what each worker believes, and how many faults may still come. `steps` yields
what may happen next. What a transition changes is read from the domain, so that the model and the
statements can not disagree about it; `test_the_stores_follow_the_model.py` replays its lives.

A worker that is slow, paused or cut off is one whose steps come late: every order is tried, so
there is no step for it. What a worker is told may be lost on the way, after the statement was done
or before. `Design` leaves out one safeguard at a time, to see that the checker would notice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from pgqueuer.domain import lifecycle
from pgqueuer.domain.lifecycle import Transition

NOBODY, DEAD = -1, -2
"""Owners that are no worker: none, and one that crashed."""

MOST_ATTEMPTS = 2
"""A handler asks for a retry only below this, and suspects are left out: so states are finite."""


class Row(NamedTuple):
    """A job in the database; `expired` tells that its lease ran out."""

    status: str = "queued"
    owner: int = NOBODY
    expired: bool = False
    attempts: int = 0
    takeovers: int = 0


class Local(NamedTuple):
    """What a worker knows of a job.

    `run` is its handler: "" or "running" or "lost". `outcome` is on its way, in the phase `ready`,
    `answered` or `unsure`; `kept` tells that the lease is held for it. `stale` tells that the row
    was claimed again since the delivery that it is about. `answer` says that the lease is lost: of
    the delivery that runs, or of one `before` it.
    """

    run: str = ""
    outcome: str = ""
    phase: str = ""
    kept: bool = False
    stale: bool = False
    contested: bool = False
    answer: str = ""


class Worker(NamedTuple):
    """`unknown`: rows may be picked for it without its knowing; `late`: it will suspect so again.

    `claiming` is the job in an answer under way, `ghost` a claim given up that may be done yet.
    """

    jobs: tuple[Local, ...]
    alive: bool = True
    unknown: bool = False
    late: int = 0
    claiming: int = NOBODY
    ghost: bool = False


class State(NamedTuple):
    """Everything; `losses` and `crashes` are the faults that may still come."""

    rows: tuple[Row, ...]
    workers: tuple[Worker, ...]
    losses: int
    crashes: int


class Step(NamedTuple):
    """What happened, to whom; a fault is nothing that progress may depend on."""

    name: str
    worker: int
    job: int
    state: State
    fault: bool = False


class Broken(Exception):
    """What must never happen did."""


@dataclass(frozen=True)
class Design:
    """The size, the limit of the entrypoint (0: none), and the safeguards."""

    workers: int = 2
    jobs: int = 2
    limit: int = 0
    losses: int = 1
    crashes: int = 1
    max_takeovers: int = 1
    fenced: bool = True
    seats: bool = True
    recovers: bool = True
    contests: bool = True
    waits_when_unsure: bool = True
    suspects_late: bool = True
    beats_know_delivery: bool = True
    doubts_losses: bool = True

    def first(self) -> State:
        worker = Worker((Local(),) * self.jobs)
        return State((Row(),) * self.jobs, (worker,) * self.workers, self.losses, self.crashes)

    def check(self, state: State) -> None:
        """Raise Broken where more are picked than the limit allows."""
        picked = sum(row.status == "picked" for row in state.rows)
        if self.limit and picked > self.limit:
            raise Broken(f"{picked} jobs are picked, the limit is {self.limit}")

    def done(self, state: State) -> bool:
        """Whether every job ended, or is parked where a person sees it."""
        return all(row.status not in ("queued", "picked") for row in state.rows)

    # What may happen

    def steps(self, state: State) -> Iterator[Step]:
        for number, worker in enumerate(state.workers):
            if worker.alive:
                yield from self._of_worker(state, number, worker)
                yield from self._crash(state, number)
            else:
                yield Step("start", number, NOBODY, with_worker(state, number, fresh(worker)))
        for number, row in enumerate(state.rows):
            if row.status == "picked" and not row.expired:
                expired = with_row(state, number, row._replace(expired=True))
                yield Step("expire", NOBODY, number, expired, row.owner != DEAD)

    def _of_worker(self, state: State, number: int, worker: Worker) -> Iterator[Step]:
        yield from self._claim(state, number, worker)
        yield from self._recover(state, number, worker)
        for job, local in enumerate(worker.jobs):
            if local.run:
                yield from self._end(state, number, job, local)
                yield from self._beat(state, number, job, local)
            if local.answer:
                yield from self._hear_of_loss(state, number, job, local)
            if local.outcome:
                yield from self._settle(state, number, job, local)
            yield from self._reap(state, number, job)

    def _claim(self, state: State, number: int, worker: Worker) -> Iterator[Step]:
        if worker.claiming != NOBODY:
            job = worker.claiming
            yield Step("hear", number, job, self._take(state, number, job))
            if state.losses:
                lost = self._doubting(worker._replace(claiming=NOBODY, late=1))
                yield Step("unheard", number, job, lose(with_worker(state, number, lost)), True)
        elif self._may_claim(worker):
            for job in self._claimable(state):
                claimed = self._claimed(state, number, job)
                waiting = claimed.workers[number]._replace(claiming=job)
                yield Step("claim", number, job, with_worker(claimed, number, waiting))
            if state.losses and self.recovers:
                given_up = self._doubting(worker._replace(late=1, ghost=True))
                yield Step(
                    "give up", number, NOBODY, lose(with_worker(state, number, given_up)), True
                )
        if worker.ghost:
            for job in self._claimable(state):
                claimed = self._claimed(state, number, job)
                gone = claimed.workers[number]._replace(ghost=False)
                yield Step("claim late", number, job, with_worker(claimed, number, gone))
            gone = with_worker(state, number, worker._replace(ghost=False))
            yield Step("claim never", number, NOBODY, gone)

    def _doubting(self, worker: Worker) -> Worker:
        """Rows may be picked for it; which ones can be told when the outcomes under way are."""
        jobs = tuple(local._replace(contested=bool(local.outcome)) for local in worker.jobs)
        return worker._replace(unknown=self.recovers, jobs=jobs)

    def _may_claim(self, worker: Worker) -> bool:
        unsure = any(local.phase == "unsure" or local.contested for local in worker.jobs)
        return not worker.unknown and not (unsure and self.waits_when_unsure)

    def _claimable(self, state: State) -> list[int]:
        picked = sum(row.status == "picked" for row in state.rows)
        if self.limit and self.seats and picked >= self.limit:
            return []
        return [job for job, row in enumerate(state.rows) if row.status == "queued"]

    def _claimed(self, state: State, number: int, job: int) -> State:
        row = moved(state.rows[job], lifecycle.CLAIM)._replace(owner=number)
        state = with_row(state, job, row)
        for other, worker in enumerate(state.workers):
            local = worker.jobs[job]
            if local.outcome or local.run:
                state = with_local(state, other, job, local._replace(stale=True))
        return state

    def _take(self, state: State, number: int, job: int) -> State:
        """The answer of a claim arrives."""
        state = with_worker(state, number, state.workers[number]._replace(claiming=NOBODY))
        local = state.workers[number].jobs[job]
        if local.outcome and self.contests:
            worker = state.workers[number]._replace(unknown=True)
            state = with_worker(state, number, worker)
            return with_local(state, number, job, local._replace(contested=True))
        if local.run == "lost":
            local = local._replace(outcome="queued", phase="ready", kept=False, stale=False)
        else:
            before = "before" if local.answer else ""
            local = local._replace(run="running", stale=False, answer=before)
        return with_local(state, number, job, local)

    def _recover(self, state: State, number: int, worker: Worker) -> Iterator[Step]:
        if worker.late and self.suspects_late and not worker.ghost:
            # A statement is not done later than a lease after it was given up.
            suspicious = self._doubting(worker._replace(late=0))
            yield Step("suspect", number, NOBODY, with_worker(state, number, suspicious))
        unsure = any(local.phase == "unsure" or local.contested for local in worker.jobs)
        if not worker.unknown or worker.claiming != NOBODY or unsure:
            return
        after = with_worker(state, number, worker._replace(unknown=False))
        for job, row in enumerate(state.rows):
            local = worker.jobs[job]
            if row.owner == number and not (local.run == "running" or local.kept):
                after = with_row(after, job, moved(row, lifecycle.RECOVER))
        yield Step("recover", number, NOBODY, after)

    def _end(self, state: State, number: int, job: int, local: Local) -> Iterator[Step]:
        """The handler ends; one that lost its lease has no say."""
        if local.run == "lost":
            yield Step("stop", number, job, with_local(state, number, job, local._replace(run="")))
            return
        if local.outcome:
            raise Broken("a job runs while the outcome of its worker is on its way")
        for outcome in ("successful", "failed", "queued"):
            if outcome == "queued" and state.rows[job].attempts >= MOST_ATTEMPTS:
                continue
            ended = local._replace(run="", outcome=outcome, phase="ready", kept=True)
            yield Step(f"end {outcome}", number, job, with_local(state, number, job, ended))

    def _beat(self, state: State, number: int, job: int, local: Local) -> Iterator[Step]:
        """A heartbeat is written; only the answer that the lease is lost means anything."""
        row = state.rows[job]
        if row.status == "picked" and row.owner == number:
            if row.expired:
                renewed = with_row(state, job, row._replace(expired=False))
                yield Step("renew", number, job, renewed)
        elif local.run == "running" and not local.answer:
            told = with_local(state, number, job, local._replace(answer="now"))
            yield Step("beat in vain", number, job, told)

    def _hear_of_loss(self, state: State, number: int, job: int, local: Local) -> Iterator[Step]:
        heard = local._replace(answer="")
        if local.run == "running" and (local.answer == "now" or not self.beats_know_delivery):
            heard = heard._replace(run="lost")
            # The answer may be older than a claim that failed and took the job once more.
            if self.doubts_losses:
                doubting = self._doubting(state.workers[number])
                state = with_worker(state, number, doubting)
        yield Step("lease lost", number, job, with_local(state, number, job, heard))

    def _settle(self, state: State, number: int, job: int, local: Local) -> Iterator[Step]:
        if local.phase == "answered":
            known = with_local(state, number, job, Local(run=local.run, answer=local.answer))
            yield Step("settled", number, job, known)
            if state.losses:
                unsure = with_local(state, number, job, local._replace(phase="unsure"))
                yield Step("unsettled", number, job, lose(unsure), True)
            return
        answered = with_local(state, number, job, local._replace(phase="answered"))
        row = state.rows[job]
        if row.status == "picked" and (row.owner == number or not self.fenced):
            self._require_own_delivery(state, number, job)
            counts = local.kept
            transition = lifecycle.settled_by(local.outcome, counts=counts)
            answered = with_row(answered, job, moved(row, transition))
        yield Step("settle", number, job, answered)

    def _require_own_delivery(self, state: State, number: int, job: int) -> None:
        """A delivery whose handler runs ends by its own outcome, and by no other."""
        owner = state.rows[job].owner
        if owner != number:
            raise Broken("an outcome was written by somebody who did not own the job")
        local = state.workers[number].jobs[job]
        if local.run == "running":
            raise Broken("the outcome of an earlier run ended one that goes on")

    def _reap(self, state: State, number: int, job: int) -> Iterator[Step]:
        row = state.rows[job]
        if row.status == "picked" and row.expired and row.owner != number:
            ended = moved(row, lifecycle.expired(row.takeovers, self.max_takeovers))
            yield Step("reap", number, job, with_row(state, job, ended))

    def _crash(self, state: State, number: int) -> Iterator[Step]:
        """The process dies; or the run ends and another one of the same owner may follow."""
        if not state.crashes:
            return
        empty = Worker((Local(),) * self.jobs, alive=False)
        after = with_worker(state, number, empty)._replace(crashes=state.crashes - 1)
        again = empty._replace(unknown=self.recovers)
        yield Step("end run", number, NOBODY, with_worker(after, number, again), True)
        for job, row in enumerate(after.rows):
            if row.owner == number:
                after = with_row(after, job, row._replace(owner=DEAD))
        yield Step("crash", number, NOBODY, after, True)


def moved(row: Row, transition: Transition) -> Row:
    """The row after the transition, as the domain says."""
    if row.status not in transition.sources:
        raise Broken(f"{transition.name} of a job that is {row.status}")
    assert transition.target is not None
    return Row(
        transition.target,
        row.owner if transition.leases else NOBODY,
        False,
        min(transition.attempts.after(row.attempts), MOST_ATTEMPTS),
        transition.takeovers.after(row.takeovers),
    )


def fresh(worker: Worker) -> Worker:
    return worker._replace(alive=True)


def lose(state: State) -> State:
    return state._replace(losses=state.losses - 1)


def with_row(state: State, job: int, row: Row) -> State:
    return state._replace(rows=(*state.rows[:job], row, *state.rows[job + 1 :]))


def with_worker(state: State, number: int, worker: Worker) -> State:
    workers = (*state.workers[:number], worker, *state.workers[number + 1 :])
    return state._replace(workers=workers)


def with_local(state: State, number: int, job: int, local: Local) -> State:
    if not (local.run or local.outcome or local.answer):
        local = Local()
    jobs = state.workers[number].jobs
    worker = state.workers[number]._replace(jobs=(*jobs[:job], local, *jobs[job + 1 :]))
    return with_worker(state, number, worker)
