from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import cast

import pytest

from pgqueuer.core.applications import PgQueuer
from pgqueuer.core.executors import (
    AbstractScheduleExecutor,
    ScheduleExecutor,
    ScheduleExecutorFactoryParameters,
)
from pgqueuer.core.sm import SchedulerManager
from pgqueuer.domain.models import (
    CronExpressionEntrypoint,
    Schedule,
    ScheduleContext,
    ScheduleTick,
    utc_now,
)
from pgqueuer.domain.settings import DBSettings
from pgqueuer.domain.structure import SchemaPart
from pgqueuer.domain.types import JOB_STATUS, CronEntrypoint, CronExpression, ScheduleId
from pgqueuer.ports.repository import RepositoryPort
from tests.support.kernel import PATIENCE, until

Key = CronExpressionEntrypoint
YEARLY = "0 0 1 1 *"
EVERY_SECOND = "* * * * * *"
HOUR = timedelta(hours=1)


class Store:
    """The schedules table, shared by the workers of a test; keeps the rules of the queries."""

    def __init__(self) -> None:
        self.rows: dict[ScheduleId, Schedule] = {}
        self.calls: Counter[str] = Counter()
        self.fails: Counter[str] = Counter()
        self.missing: set[str] = set()
        self.stale_after: list[timedelta] = []
        self.entered = 0
        self.closed = False
        self.before_start: Callable[[], Awaitable[None]] | None = None

    def add(
        self,
        entrypoint: str,
        expression: str = YEARLY,
        *,
        due_in: timedelta = -HOUR,
        status: JOB_STATUS = "queued",
        silent_for: timedelta = timedelta(0),
    ) -> ScheduleId:
        now = utc_now()
        number = ScheduleId(len(self.rows) + 1)
        self.rows[number] = Schedule(
            id=number,
            expression=CronExpression(expression),
            entrypoint=CronEntrypoint(entrypoint),
            heartbeat=now - silent_for,
            created=now - silent_for,
            updated=now - silent_for,
            next_run=now + due_in,
            status=status,
        )
        return number

    def change(self, number: ScheduleId, **values: object) -> Schedule:
        if number in self.rows:
            self.rows[number] = self.rows[number].model_copy(update=values)
        return self.rows[number]

    def take(self, tick: ScheduleTick, stale_after: timedelta) -> list[Schedule]:
        now, row = utc_now(), self.rows[tick.schedule]
        waits = row.status == "queued" or row.heartbeat < now - stale_after
        if not waits or row.next_run != tick.next_run or row.next_run > now:
            return []
        return [
            self.change(
                row.id,
                status="picked" if tick.due else "queued",
                due=tick.due or row.due,
                next_run=tick.following,
                heartbeat=now,
                updated=now,
            )
        ]

    def own(self, runs: Sequence[Schedule]) -> set[ScheduleId]:
        return {
            run.id
            for run in runs
            if run.id in self.rows and self.rows[run.id].next_run == run.next_run
        }


class Queries:
    """One worker's connection to the store; also its driver."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.qbe = SimpleNamespace(settings=DBSettings())
        self.driver = self

    @property
    def closed(self) -> bool:
        return self.store.closed

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        raise NotImplementedError

    async def __aenter__(self) -> Queries:
        self.store.entered += 1
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.store.entered -= 1

    async def _call(self, name: str) -> None:
        self.store.calls[name] += 1
        await asyncio.sleep(0)
        if self.store.fails[name]:
            self.store.fails[name] -= 1
            raise ConnectionError(f"no database for {name}")

    async def first_missing(self, parts: Sequence[SchemaPart]) -> SchemaPart | None:
        await self._call("first_missing")
        return next((p for p in parts if (p.name or p.owner) in self.store.missing), None)

    async def database_time(self) -> datetime:
        await self._call("time")
        return utc_now()

    async def insert_schedule(self, schedules: dict[Key, timedelta]) -> None:
        await self._call("insert")
        present = {(row.entrypoint, row.expression) for row in self.store.rows.values()}
        for key, delay in schedules.items():
            if key not in present:
                self.store.add(key.entrypoint, key.expression, due_in=delay)

    async def start_schedules(
        self, ticks: Sequence[ScheduleTick], *, stale_after: timedelta
    ) -> list[Schedule]:
        await self._call("start")
        if self.store.before_start is not None:
            await self.store.before_start()
        self.store.stale_after.append(stale_after)
        return [row for tick in ticks for row in self.store.take(tick, stale_after)]

    async def end_schedules(self, runs: Sequence[Schedule]) -> set[ScheduleId]:
        await self._call("end")
        own = self.store.own(runs)
        for number in own:
            self.store.change(number, status="queued", last_run=utc_now(), updated=utc_now())
        return own

    async def beat_schedules(self, runs: Sequence[Schedule]) -> set[ScheduleId]:
        await self._call("heartbeat")
        own = self.store.own(runs)
        for number in own:
            self.store.change(number, heartbeat=utc_now())
        return own

    async def peek_schedule(self) -> list[Schedule]:
        await self._call("peek")
        return list(self.store.rows.values())

    async def delete_schedule(self, ids: set[ScheduleId], entrypoints: set[CronEntrypoint]) -> None:
        await self._call("delete")
        for row in list(self.store.rows.values()):
            if row.id in ids or row.entrypoint in entrypoints:
                del self.store.rows[row.id]


@pytest.fixture
def store() -> Store:
    return Store()


def manager(store: Store, resources: dict[str, object] | None = None) -> SchedulerManager:
    queries = cast(RepositoryPort, Queries(store))
    return SchedulerManager(queries, {} if resources is None else resources)


@asynccontextmanager
async def running(*managers: SchedulerManager, **options: timedelta) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(each.run(**options)) for each in managers]
    try:
        yield
    finally:
        for each in managers:
            each.shutdown.set()
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*tasks)


async def noop(schedule: Schedule) -> None: ...


def test_registering_gives_back_the_function_and_keeps_its_executor(store: Store) -> None:
    sm = manager(store)
    assert sm.schedule("tick", "@hourly", clean_old=True)(noop) is noop
    [(key, executor)] = sm.registry.items()
    assert key == ("tick", "0 * * * *")
    assert isinstance(executor, ScheduleExecutor)
    assert executor.parameters == ScheduleExecutorFactoryParameters(
        CronEntrypoint("tick"), CronExpression("0 * * * *"), noop, True, False
    )


def test_a_schedule_may_follow_a_time_zone(store: Store) -> None:
    sm = manager(store)
    sm.schedule("tick", "0 9 * * *", timezone="Europe/Oslo")(noop)
    assert list(sm.registry) == [("tick", "CRON_TZ=Europe/Oslo 0 9 * * *")]


@pytest.mark.parametrize("bad", ["nonsense", "* * * *", "0 0 30 2 *"])
def test_an_invalid_expression_is_refused(store: Store, bad: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        manager(store).schedule("tick", bad)


def test_one_schedule_can_not_be_registered_twice(store: Store) -> None:
    sm = manager(store)
    register = sm.schedule("tick", "@hourly")
    register(noop)
    with pytest.raises(RuntimeError, match="already registered"):
        sm.schedule("tick", "0 * * * *")
    with pytest.raises(RuntimeError, match="already registered"):
        register(noop)


def test_an_entrypoint_may_have_several_expressions(store: Store) -> None:
    sm = manager(store)
    sm.schedule("tick", "@hourly")(noop)
    sm.schedule("tick", "@daily")(noop)
    assert len(sm.registry) == 2


def test_a_function_that_is_not_async_is_refused(store: Store) -> None:
    with pytest.raises(TypeError, match="async def"):
        manager(store).schedule("tick", "@hourly")(print)  # type: ignore[type-var]


@pytest.mark.parametrize(("given", "expected"), [(None, True), (False, False), (True, True)])
def test_the_context_is_detected_unless_stated(
    store: Store, given: bool | None, expected: bool
) -> None:
    async def with_context(schedule: Schedule, context: ScheduleContext) -> None: ...

    sm = manager(store)
    sm.schedule("tick", "@hourly", accepts_context=given)(with_context)
    [executor] = sm.registry.values()
    assert executor.parameters.accepts_context is expected


async def test_a_function_enqueues_where_the_schedule_is_stored() -> None:
    pgq = PgQueuer.in_memory()
    done = asyncio.Event()

    @pgq.schedule("tick", EVERY_SECOND)
    async def tick(schedule: Schedule, context: ScheduleContext) -> None:
        await context.queries.enqueue("report", b"daily")
        done.set()

    running = asyncio.create_task(pgq.sm.run())
    async with asyncio.timeout(PATIENCE):
        await done.wait()
        pgq.sm.shutdown.set()
        await running

    assert {row.entrypoint for row in await pgq.qm.queries.queue_size()} == {"report"}


def test_a_context_of_no_scheduler_says_that_it_can_not_enqueue() -> None:
    with pytest.raises(RuntimeError, match="enqueuer"):
        _ = ScheduleContext().queries


def test_accepts_context_must_be_a_bool(store: Store) -> None:
    with pytest.raises(ValueError, match="accepts_context"):
        manager(store).schedule("tick", "@hourly", accepts_context="yes")  # type: ignore[arg-type]


class Custom(AbstractScheduleExecutor):
    async def execute(self, schedule: Schedule, context: ScheduleContext) -> None: ...


def test_an_executor_factory_makes_the_executor(store: Store) -> None:
    sm = manager(store)
    sm.schedule("tick", "@hourly", executor_factory=Custom)(noop)
    [executor] = sm.registry.values()
    assert isinstance(executor, Custom)


def test_an_executor_may_be_named(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def resolve(name: str, options: object) -> Callable[..., AbstractScheduleExecutor]:
        asked.append((name, options))
        return Custom

    monkeypatch.setattr("pgqueuer.plugins.executors.resolve_schedule_executor", resolve)
    sm = manager(store)
    sm.schedule("tick", "@hourly", executor="custom", executor_options={"a": 1})(noop)
    assert asked == [("custom", {"a": 1})]
    assert isinstance(next(iter(sm.registry.values())), Custom)


def test_a_name_and_a_factory_exclude_each_other(store: Store) -> None:
    with pytest.raises(TypeError, match="not both"):
        manager(store).schedule("tick", "@hourly", executor_factory=Custom, executor="custom")
    with pytest.raises(TypeError, match="executor_options"):
        manager(store).schedule("tick", "@hourly", executor_options={"a": 1})


def test_the_first_argument_is_the_queries(store: Store) -> None:
    assert manager(store).queries.driver is not None
    assert not hasattr(manager(store), "connection")


@pytest.mark.parametrize("table", ["pgqueuer_schedules", "pgqueuer_log"])
async def test_a_missing_table_is_named_with_what_to_do(store: Store, table: str) -> None:
    store.missing = {table}
    with pytest.raises(RuntimeError, match=rf"'{table}'.*pgq install.*pgq upgrade"):
        await manager(store).run()


async def test_a_heartbeat_timeout_out_of_range_is_refused(store: Store) -> None:
    with pytest.raises(ValueError, match=r"from 0\.1 to 604800 seconds; got 0"):
        await manager(store).run(heartbeat_timeout=timedelta(0))


async def test_without_schedules_nothing_is_asked_and_shutdown_ends_it(store: Store) -> None:
    sm = manager(store)
    async with running(sm):
        await until(lambda: store.entered == 1)
        for _ in range(50):
            await asyncio.sleep(0)
    assert set(store.calls) == {"first_missing"}
    assert store.entered == 0


async def test_schedules_are_inserted_with_their_next_due_time(store: Store) -> None:
    sm = manager(store)
    sm.schedule("tick", YEARLY)(noop)
    async with running(sm):
        await until(lambda: store.calls["peek"] == 1)
    [row] = store.rows.values()
    due = datetime(utc_now().year + 1, 1, 1, tzinfo=UTC)
    assert abs(row.next_run - due) < timedelta(minutes=1)


async def test_a_schedule_registered_later_is_inserted_too(store: Store) -> None:
    sm = manager(store)
    async with running(sm):
        await until(lambda: store.entered == 1)
        sm.schedule("tick", YEARLY)(noop)
        await until(lambda: len(store.rows) == 1)
        sm.schedule("tock", YEARLY)(noop)
        await until(lambda: len(store.rows) == 2)


async def test_clean_old_removes_other_expressions_and_loses_no_tick(store: Store) -> None:
    ran = asyncio.Event()
    due, _, other = store.add("tick"), store.add("tick", "@old"), store.add("tock", "@old")
    sm = manager(store)

    @sm.schedule("tick", YEARLY, clean_old=True)
    async def tick(schedule: Schedule) -> None:
        ran.set()

    async with running(sm):
        async with asyncio.timeout(PATIENCE):
            await ran.wait()
    assert set(store.rows) == {due, other}


async def test_a_due_schedule_runs_and_is_queued_again(store: Store) -> None:
    number = store.add("tick")
    resources: dict[str, object] = {"db": object()}
    sm = manager(store, resources)
    seen: list[tuple[Schedule, object]] = []

    @sm.schedule("tick", YEARLY)
    async def tick(schedule: Schedule, context: ScheduleContext) -> None:
        seen.append((schedule, context.resources))

    async with running(sm):
        await until(lambda: store.rows[number].last_run is not None)
    [(schedule, shared)] = seen
    assert schedule.id == number
    assert schedule.status == "picked"
    assert shared is resources
    assert store.rows[number].status == "queued"
    assert store.rows[number].next_run > utc_now()
    assert sm.active_heartbeat_ids == set()


async def test_a_failure_is_logged_and_the_schedule_goes_on(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    number = store.add("tick")
    sm = manager(store)

    @sm.schedule("tick", YEARLY)
    async def tick(schedule: Schedule) -> None:
        raise LookupError("broken tick")

    async with running(sm):
        await until(lambda: store.rows[number].last_run is not None)
    assert "broken tick" in caplog.text
    assert store.rows[number].status == "queued"


def rounded(moment: datetime) -> int:
    return round(moment.timestamp())


async def test_each_tick_runs_once_in_the_fleet(store: Store) -> None:
    ticks: list[int] = []
    managers = [manager(store) for _ in range(4)]
    for sm in managers:

        @sm.schedule("tick", EVERY_SECOND)
        async def tick(schedule: Schedule) -> None:
            ticks.append(rounded(schedule.due))

    async with running(*managers):
        await until(lambda: len(ticks) >= 3)
    assert len(set(ticks)) == len(ticks)


async def test_a_tick_costs_three_queries(store: Store) -> None:
    ran = 0
    sm = manager(store)

    @sm.schedule("tick", EVERY_SECOND)
    async def tick(schedule: Schedule) -> None:
        nonlocal ran
        ran += 1

    async with running(sm):
        await until(lambda: ran >= 2)
    queries = sum(store.calls[name] for name in ("peek", "start", "end", "heartbeat"))
    assert queries <= 3 * (ran + 1)


async def test_a_schedule_that_still_runs_is_not_started_again(store: Store) -> None:
    gate, started = asyncio.Event(), 0
    store.add("tick", EVERY_SECOND)
    sm = manager(store)

    @sm.schedule("tick", EVERY_SECOND)
    async def tick(schedule: Schedule) -> None:
        nonlocal started
        started += 1
        await gate.wait()

    async with running(sm):
        await until(lambda: started == 1)
        await until(lambda: all(row.next_run < utc_now() for row in store.rows.values()))
        asked = store.calls["start"]
        gate.set()
        await until(lambda: started == 2)
    assert asked == 1


async def test_a_schedule_of_a_dead_worker_goes_on_after_the_heartbeat_timeout(
    store: Store,
) -> None:
    number = store.add("tick", status="picked", silent_for=HOUR)
    sm = manager(store)
    sm.schedule("tick", YEARLY)(noop)
    async with running(sm, heartbeat_timeout=timedelta(minutes=10)):
        await until(lambda: store.rows[number].last_run is not None)
    assert set(store.stale_after) == {timedelta(minutes=10)}


async def test_heartbeats_go_on_while_a_schedule_runs(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    gate = asyncio.Event()
    store.add("tick")
    store.fails["heartbeat"] = 1
    sm = manager(store)

    @sm.schedule("tick", YEARLY)
    async def tick(schedule: Schedule) -> None:
        await gate.wait()

    async with running(sm, heartbeat_timeout=timedelta(milliseconds=100)):
        await until(lambda: store.calls["heartbeat"] >= 3)
        gate.set()
    assert "no database for heartbeat" in caplog.text


async def test_an_executor_may_compute_its_own_due_times(store: Store) -> None:
    class Hourly(Custom):
        def next_in(self) -> timedelta:
            return HOUR

    sm = manager(store)
    sm.schedule("tick", YEARLY, executor_factory=Hourly)(noop)
    async with running(sm):
        await until(lambda: len(store.rows) == 1)
    [row] = store.rows.values()
    assert abs(row.next_run - utc_now() - HOUR) < timedelta(minutes=1)


@pytest.mark.parametrize("query", ["insert", "time", "start", "peek", "end"])
async def test_a_database_error_is_survived(
    store: Store, query: str, caplog: pytest.LogCaptureFixture
) -> None:
    number = store.add("tick")
    store.fails[query] = 2
    sm = manager(store)
    sm.schedule("tick", YEARLY)(noop)
    async with running(sm):
        await until(lambda: store.rows[number].last_run is not None and not store.fails[query])
    assert f"no database for {query}" in caplog.text
    assert store.rows[number].status == "queued"


async def test_a_connection_that_is_gone_for_good_ends_the_run(store: Store) -> None:
    store.closed = True
    store.fails["peek"] = 100
    sm = manager(store)
    sm.schedule("tick", YEARLY)(noop)
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(ConnectionError):
            await sm.run()


class Blocked:
    """A run with one tick that waits for `gate`."""

    def __init__(self, store: Store) -> None:
        self.number = store.add("tick")
        self.gate = asyncio.Event()
        self.outcome: object = None
        self.sm = manager(store)
        self.sm.schedule("tick", YEARLY)(self.tick)
        self.task = asyncio.create_task(self.sm.run())

    async def tick(self, schedule: Schedule) -> None:
        try:
            self.outcome = "started"
            await self.gate.wait()
            self.outcome = "finished"
        except asyncio.CancelledError:
            self.outcome = "canceled"
            raise

    async def turns(self) -> None:
        for _ in range(50):
            await asyncio.sleep(0)


async def test_shutdown_waits_for_what_is_running_inside_the_driver(store: Store) -> None:
    run = Blocked(store)
    await until(lambda: run.outcome == "started")
    run.sm.shutdown.set()
    await run.turns()
    assert not run.task.done()
    assert store.entered == 1
    run.gate.set()
    await run.task
    assert run.outcome == "finished"
    assert store.rows[run.number].status == "queued"
    assert store.entered == 0


async def test_canceling_waits_too(store: Store) -> None:
    run = Blocked(store)
    await until(lambda: run.outcome == "started")
    run.task.cancel()
    await run.turns()
    assert not run.task.done()
    run.gate.set()
    await asyncio.wait({run.task})
    assert run.task.cancelled()
    assert run.outcome == "finished"
    assert store.rows[run.number].status == "queued"


async def test_canceling_again_cancels_what_is_running(store: Store) -> None:
    run = Blocked(store)
    await until(lambda: run.outcome == "started")
    for _ in range(2):
        run.task.cancel()
        await run.turns()
    await asyncio.wait({run.task})
    assert run.task.cancelled()
    assert run.outcome == "canceled"
    assert store.rows[run.number].status == "queued"


async def test_shutdown_does_not_wait_for_ever_for_the_database(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pgqueuer.core.backoff.jittered", lambda seconds: 0.001)
    run = Blocked(store)
    await until(lambda: run.outcome == "started")
    store.fails["end"] = 1_000_000
    run.gate.set()
    run.sm.shutdown.set()
    async with asyncio.timeout(PATIENCE):
        await run.task
    assert store.rows[run.number].status == "picked"


@pytest.mark.parametrize(
    "options",
    [{"missed": "never"}, {"missed": None}, {"jitter": timedelta(seconds=-1)}, {"jitter": 5}],
)
def test_a_policy_or_jitter_out_of_range_is_refused(
    store: Store, options: dict[str, object]
) -> None:
    with pytest.raises(ValueError, match="must be"):
        manager(store).schedule("tick", "@hourly", **options)  # type: ignore[arg-type]


def test_the_policy_and_the_jitter_are_told_to_the_executor(store: Store) -> None:
    sm = manager(store)
    sm.schedule("tick", "@hourly", missed="skip", jitter=HOUR)(noop)
    [executor] = sm.registry.values()
    assert (executor.parameters.missed, executor.parameters.jitter) == ("skip", HOUR)


async def test_an_older_schema_is_named_with_what_to_do(store: Store) -> None:
    store.missing = {"paused_next_run"}
    with pytest.raises(RuntimeError, match=r"pgqueuer_schedules\.paused_next_run.*pgq upgrade"):
        await manager(store).run()


async def test_a_handler_sees_the_due_time_of_its_tick(store: Store) -> None:
    number = store.add("tick", due_in=-timedelta(milliseconds=3))
    due = store.rows[number].next_run
    sm = manager(store)
    seen: list[datetime | None] = []

    @sm.schedule("tick", YEARLY)
    async def tick(schedule: Schedule) -> None:
        seen.append(schedule.due)

    async with running(sm):
        await until(lambda: bool(seen))
    assert seen == [due]


async def test_a_run_that_was_taken_over_neither_beats_nor_ends(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    gate, started = asyncio.Event(), asyncio.Event()
    number = store.add("tick")
    sm = manager(store)

    @sm.schedule("tick", YEARLY)
    async def tick(schedule: Schedule) -> None:
        started.set()
        await gate.wait()

    async with running(sm, heartbeat_timeout=timedelta(milliseconds=100)):
        async with asyncio.timeout(PATIENCE):
            await started.wait()
        taken = store.change(number, next_run=utc_now() + HOUR, heartbeat=utc_now() + HOUR)
        await until(lambda: "was taken over or removed" in caplog.text)
        gate.set()
        await until(lambda: not sm.active_heartbeat_ids)
    assert store.rows[number] == taken
    assert caplog.text.count("was taken over or removed") == 1


async def test_skipped_ticks_are_passed_over_without_a_run(store: Store) -> None:
    number = store.add("tick", due_in=-HOUR)
    sm = manager(store)

    @sm.schedule("tick", YEARLY, missed="skip")
    async def tick(schedule: Schedule) -> None:
        raise AssertionError("it was skipped")

    async with running(sm):
        await until(lambda: store.rows[number].next_run > utc_now())
    assert (store.rows[number].status, store.rows[number].last_run) == ("queued", None)


async def test_a_run_that_ends_while_others_are_started_goes_on_in_time(store: Store) -> None:
    gate, ran = asyncio.Event(), 0
    sm = manager(store)
    store.add("long", EVERY_SECOND)

    @sm.schedule("long", EVERY_SECOND)
    async def long(schedule: Schedule) -> None:
        nonlocal ran
        ran += 1
        await gate.wait()

    async def end_the_run() -> None:
        gate.set()
        await until(lambda: store.calls["end"] == 1 and not sm.active_heartbeat_ids)

    async with running(sm):
        await until(lambda: ran == 1)
        store.before_start = end_the_run
        store.add("short")
        sm.schedule("short", YEARLY)(noop)
        await until(lambda: store.calls["start"] == 2)
        store.before_start = None
        await until(lambda: ran == 2)
