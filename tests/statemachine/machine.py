"""Drives PostgreSQL, the store in memory and the model through one life, step by step."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pgqueuer.domain.errors import DuplicateJobError
from pgqueuer.domain.lifecycle import ClaimRequest
from pgqueuer.ports.repository import EntrypointExecutionParameter
from tests.statemachine.given import End, conflicts, ends, new_jobs, owners, picks, served
from tests.statemachine.model import Duplicate, Model, NewJob, Outcome, Owner
from tests.statemachine.sides import (
    HOUR,
    WORKERS,
    Clock,
    InMemorySide,
    PostgresSide,
    Side,
    hours,
    record,
    terms,
)


class LifeOfJobs(RuleBasedStateMachine):
    """The rules are what producers, workers, operators and time may do, in any order."""

    runner: ClassVar[asyncio.Runner]
    postgres: ClassVar[PostgresSide]
    clock: ClassVar[Clock]
    steps: ClassVar[int] = 0
    moves: ClassVar[Counter[str]] = Counter()

    @initialize(jobs=st.lists(new_jobs, min_size=2, max_size=8))
    def begin(self, jobs: list[NewJob]) -> None:
        self.model = Model()
        self.claims: list[tuple[int, Owner]] = []
        self.logged = 0
        base = type(self).postgres
        self.do(base.reset())
        self.sides: list[Side] = [PostgresSide(base.queries), InMemorySide.fresh(self.clock)]
        self.enqueue(jobs, "skip")

    def do(self, awaitable: Awaitable[object]) -> object:
        async def wait() -> object:
            return await awaitable

        return self.runner.run(wait())

    def both(self, act: Callable[[Side], Awaitable[object]], expected: object) -> None:
        """Do the same on both stores; each must answer as the model does."""
        for side in self.sides:
            answer = self.do(act(side))
            assert answer == expected, (type(side).__name__, answer, expected)

    def both_refuse(self, act: Callable[[Side], Awaitable[object]], error: type[Exception]) -> None:
        for side in self.sides:
            try:
                self.do(act(side))
            except error:
                continue
            raise AssertionError(f"{type(side).__name__} accepts what the model refuses")

    # Producers

    @rule(jobs=st.lists(new_jobs, max_size=5), on_conflict=conflicts)
    def enqueue(self, jobs: list[NewJob], on_conflict: str) -> None:
        """A list of jobs, and one alone by scalars."""
        if len(jobs) == 1:
            self._enqueue(jobs, on_conflict, lambda side: side.enqueue_scalar(jobs[0], on_conflict))
        else:
            self._enqueue(jobs, on_conflict, lambda side: side.enqueue(jobs, on_conflict))

    @precondition(lambda self: self.model.keyed())
    @rule(pick=st.integers(0, 63), priority=st.integers(0, 5))
    def hurry(self, pick: int, priority: int) -> None:
        """Raise the priority of a job that is there."""
        keyed = self.model.keyed()
        job = NewJob(entrypoint="any", priority=priority, key=keyed[pick % len(keyed)].key)
        self.enqueue([job], "update_priority")

    def _enqueue(
        self, jobs: list[NewJob], on_conflict: str, act: Callable[[Side], Awaitable[object]]
    ) -> None:
        try:
            expected = self.model.enqueue(jobs, on_conflict)
        except Duplicate:
            self.both_refuse(act, DuplicateJobError)
        except ValueError:
            self.both_refuse(act, ValueError)
        else:
            self.both(act, expected)

    # Workers

    @rule(owner=owners, batch=st.integers(1, 5), limits=served, suspects=st.sampled_from([0, 0, 1]))
    def claim(self, owner: Owner, batch: int, limits: dict[str, int], suspects: int) -> None:
        expected = self.model.claim(owner, batch, limits, suspects=bool(suspects))
        self._remember(owner, expected)
        request = ClaimRequest(
            owner=WORKERS[owner],
            batch_size=batch,
            entrypoints=terms(limits),
            suspects=bool(suspects),
        )

        async def act(side: Side) -> list[int]:
            return side.took(owner, await side.queries.claim(request))

        self.both(act, expected)

    @rule(
        owner=owners,
        batch=st.integers(1, 5),
        limits=served,
        how=st.lists(ends, min_size=5, max_size=5),
    )
    def work(self, owner: Owner, batch: int, limits: dict[str, int], how: list[End]) -> None:
        """Claim jobs and end them at once."""
        first = len(self.claims)
        self.claim(owner, batch, limits, 0)
        self._settle(
            [
                self._end(number, owner, end)
                for (number, _), end in zip(self.claims[first:], how, strict=False)
            ]
        )

    @rule(owner=owners, batch=st.integers(1, 3), limits=served, times=st.integers(1, 4))
    def die(self, owner: Owner, batch: int, limits: dict[str, int], times: int) -> None:
        """Claim jobs, suspects too, and never be heard of again."""
        for _ in range(times):
            for suspects in (0, 1):
                self.claim(owner, batch, limits, suspects)
                self.time_passes(1)
                self.reap(None, limits, 1, 3)

    @rule(
        owner=owners,
        batch=st.integers(1, 3),
        limits=served,
        most=st.sampled_from([None, None, 1, 3]),
        timeout=st.sampled_from([2, 3]),
    )
    def dequeue(
        self, owner: Owner, batch: int, limits: dict[str, int], most: int | None, timeout: int
    ) -> None:
        self.model.reap(None, limits, timeout, 5)
        held = sum(job.owner == owner for job in self.model.of_status("picked", limits))
        wanted = batch if most is None else min(batch, most - held)
        expected: list[int] = []
        if wanted > 0:
            expected = self.model.claim(owner, wanted, limits, suspects=False)
            expected = expected or self.model.claim(owner, wanted, limits, suspects=True)
        self._remember(owner, expected)
        parameters = {name: EntrypointExecutionParameter(limit) for name, limit in limits.items()}

        async def act(side: Side) -> list[int]:
            jobs = await side.queries.dequeue(
                batch, parameters, WORKERS[owner], most, timeout * HOUR
            )
            return side.took(owner, jobs)

        self.both(act, expected)

    def _remember(self, owner: Owner, numbers: Sequence[int]) -> None:
        self.claims += [(number, owner) for number in numbers]

    @precondition(lambda self: self.claims)
    @rule(given=st.lists(st.tuples(st.integers(0, 63), ends), min_size=1, max_size=4))
    def settle(self, given: list[tuple[int, End]]) -> None:
        self._settle([self._outcome(pick, end) for pick, end in given])

    def _settle(self, outcomes: list[Outcome]) -> None:
        async def act(side: Side) -> set[int]:
            return side.of(await side.queries.settle([side.settlement(each) for each in outcomes]))

        self.both(act, self.model.settle(outcomes))

    @precondition(lambda self: self.claims)
    @rule(given=st.lists(st.tuples(st.integers(0, 63), ends), min_size=1, max_size=4))
    def settle_as_in_1x(self, given: list[tuple[int, End]]) -> None:
        """By `log_jobs` and `retry_job`."""
        for pick, end in given:
            if end.status == "queued":
                self._retry_job(self._outcome(pick, End("queued", end.delay, record="Again")))
        self._log_jobs([self._outcome(pick, end) for pick, end in given if end.status != "queued"])

    def _log_jobs(self, outcomes: list[Outcome]) -> None:
        async def act(side: Side) -> None:
            await side.queries.log_jobs(
                [
                    (
                        side.claimed[each.number, each.owner],
                        each.status,
                        record(side.ids[each.number], each.record) if each.record else None,
                    )
                    for each in outcomes
                ]
            )

        self.model.settle(outcomes)
        self.both(act, None)

    def _retry_job(self, outcome: Outcome) -> None:
        async def act(side: Side) -> None:
            await side.queries.retry_job(
                side.claimed[outcome.number, outcome.owner],
                outcome.delay * HOUR,
                record(side.ids[outcome.number], "Again"),
            )

        self.model.settle([outcome])
        self.both(act, None)

    def _outcome(self, pick: int, end: End) -> Outcome:
        """About a claim: mostly one that holds, now and then one that ended long ago."""
        held = [
            (job.number, job.owner)
            for job in self.model.of_status("picked")
            if job.owner is not None
        ]
        candidates = held * 3 + self.claims[-4:]
        return self._end(*candidates[pick % len(candidates)], end)

    def _end(self, number: int, owner: Owner, end: End) -> Outcome:
        return Outcome(
            number=number,
            owner=owner,
            status=end.status,
            delay=end.delay,
            counts=end.counts,
            record=end.record,
        )

    @rule(owner=owners, given=picks)
    def keep_leases(self, owner: Owner, given: list[int]) -> None:
        numbers = self._jobs(given)

        async def act(side: Side) -> set[int]:
            ids = [side.id_of(number) for number in numbers]
            return side.of(await side.queries.keep_leases(WORKERS[owner], ids))

        self.both(act, self.model.keep_leases(owner, numbers))
        self.model.beat(numbers[:1])
        self.both(
            lambda side: side.queries.update_heartbeat([side.id_of(each) for each in numbers[:1]]),
            None,
        )

    @rule(
        owner=st.one_of(st.none(), owners),
        limits=served,
        timeout=st.sampled_from([0, 1, 2]),
        max_takeovers=st.sampled_from([0, 1, 2, 3, 5]),
    )
    def reap(
        self, owner: Owner | None, limits: dict[str, int], timeout: int, max_takeovers: int
    ) -> None:
        async def act(side: Side) -> object:
            report = await side.queries.reap(
                None if owner is None else WORKERS[owner],
                terms(limits, max_takeovers),
                timeout * HOUR,
            )
            return report.requeued, report.parked, report.suspects, hours(report.next_expiry)

        self.both(act, self.model.reap(owner, limits, timeout, max_takeovers))

    @rule(owner=owners, known=st.lists(st.integers(0, 63), max_size=3))
    def recover_claims(self, owner: Owner, known: list[int]) -> None:
        mine = [job.number for job in self.model.of_status("picked") if job.owner == owner]
        numbers = [*(mine[pick % len(mine)] for pick in known if mine), *self._jobs(known[:1])]
        self.both(
            lambda side: side.queries.recover_claims(
                WORKERS[owner], [side.id_of(number) for number in numbers]
            ),
            self.model.recover_claims(owner, numbers),
        )

    # Operators, and time

    @rule(given=picks)
    def requeue_jobs(self, given: list[int]) -> None:
        parked = [job.number for job in self.model.of_status("failed")]
        numbers = [*(parked[pick % len(parked)] for pick in given if parked), *self._jobs(given)]

        async def act(side: Side) -> None:
            return await side.queries.requeue_jobs([side.id_of(number) for number in numbers])

        try:
            self.model.requeue(numbers)
        except Duplicate:
            self.both_refuse(act, DuplicateJobError)
        else:
            self.both(act, None)

    @rule(given=picks)
    def cancel(self, given: list[int]) -> None:
        numbers = self._jobs(given)
        self.model.cancel(numbers)
        self.both(
            lambda side: side.queries.mark_job_as_cancelled(
                [side.id_of(number) for number in numbers]
            ),
            None,
        )

    @rule(names=st.sampled_from(["one", ["one", "two"], "two", ["two"], ["any"], None]))
    def clear_queue(self, names: str | list[str] | None) -> None:
        self.model.clear([names] if isinstance(names, str) else names)
        self.both(lambda side: side.queries.clear_queue(names), None)

    @rule(by=st.sampled_from([1, 1, 2, 5]))
    def time_passes(self, by: int) -> None:
        self.model.now += by
        self.both(lambda side: side.advance(by * HOUR), None)

    def _jobs(self, given: list[int]) -> list[int]:
        """Jobs that are there, for the most part, and some that are gone or never were."""
        candidates = [*self.model.jobs, *self.model.jobs, max(0, self.model.count - 8)]
        return [candidates[pick % len(candidates)] for pick in given]

    # Looking

    @rule(limits=served)
    def look_ahead(self, limits: dict[str, int]) -> None:
        names = list(limits)
        ready, saturated, next_due = self.model.outlook(limits)
        queued = self.model.of_status("queued", limits)
        failed = [job.number for job in self.model.of_status("failed")]
        expected = (
            (ready, saturated, next_due),
            bool(queued),
            any(job.due <= self.model.now for job in queued),
            next_due,
            failed[::-1][:3],
        )

        async def act(side: Side) -> object:
            outlook = await side.queries.outlook(terms(limits))
            if side.has_seats:
                assert set(outlook.other_limits) == self.model.other_limits(limits)
            return (
                (outlook.ready, outlook.saturated, hours(outlook.next_eligible)),
                bool(await side.queries.queued_work(names)),
                bool(await side.queries.eligible_queued_work(names)),
                hours(await side.queries.next_deferred_eta(names)),
                [side.numbers[job.id] for job in await side.queries.list_failed_jobs(3)],
            )

        self.both(act, expected)

    @invariant()
    def stores_are_as_the_model(self) -> None:
        if not hasattr(self, "model"):
            return
        LifeOfJobs.steps += 1
        new = self.model.log[self.logged :]
        self.logged = len(self.model.log)
        for side in self.sides:
            self.do(self._check(side, new))

    async def _check(self, side: Side, new: list[tuple[object, ...]]) -> None:
        name = type(side).__name__
        rows = {job.number: side.row_of(job) for job in self.model.jobs.values()}
        assert await side.rows(self.model.now) == rows, name
        assert Counter(await side.new_log()) == Counter(new), name
        sizes = await side.queries.queue_size()
        assert [(row.entrypoint, row.priority, row.status, row.count) for row in sizes] == [
            (*key, count) for key, count in sorted(self.model.sizes().items())
        ], name
        statuses = await side.queries.job_status(side.ids)
        assert {
            side.numbers[row.job_id]: row.status for row in statuses
        } == self.model.statuses(), name

    def teardown(self) -> None:
        """Statistics count every transition once."""
        if not hasattr(self, "model"):
            return
        self.moves.update(self.model.moves)
        expected = Counter((row[2], row[3], row[1]) for row in self.model.log)

        async def act(side: Side) -> object:
            totals: Counter[tuple[str, int, str]] = Counter()
            for row in await side.queries.log_statistics(None):
                totals[row.entrypoint, row.priority, row.status] += row.count
            return totals

        self.both(act, expected)
