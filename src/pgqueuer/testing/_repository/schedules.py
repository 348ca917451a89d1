"""Schedules: each tick is picked once in the fleet, and the next one is not lost."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest

from pgqueuer.domain.models import CronExpressionEntrypoint, Schedule, ScheduleTick, utc_now
from pgqueuer.domain.types import CronEntrypoint, CronExpression, ScheduleId
from pgqueuer.testing._repository.kit import AT_ONCE, HOUR, RepositoryKit, Store


def _key(entrypoint: str = "tick", expression: str = "0 * * * *") -> CronExpressionEntrypoint:
    return CronExpressionEntrypoint(CronEntrypoint(entrypoint), CronExpression(expression))


TICK = _key()
PAST = timedelta(seconds=-1)


def _step(
    schedule: Schedule, *, due: datetime | None = None, in_: timedelta = HOUR
) -> ScheduleTick:
    """The step that runs the tick that is due, or another."""
    return ScheduleTick(
        schedule=schedule.id,
        next_run=schedule.next_run,
        due=due or schedule.next_run,
        following=utc_now() + in_,
    )


async def _only(repository: Store) -> Schedule:
    (schedule,) = await repository.peek_schedule()
    return schedule


class ScheduleTests(RepositoryKit):
    @pytest.fixture
    async def schedules(self, repository: Store) -> Store:
        """The store, if it has schedules."""
        if not self.has_schedules:
            pytest.skip("this store has no schedules")
        return repository

    async def test_a_new_schedule_is_due_after_its_delay(self, schedules: Store) -> None:
        before = utc_now()
        await schedules.insert_schedule({TICK: HOUR})

        schedule = await _only(schedules)

        assert (schedule.entrypoint, schedule.expression) == TICK
        assert (schedule.status, schedule.last_run) == ("queued", None)
        assert before + HOUR / 2 < schedule.next_run < before + 2 * HOUR
        assert await schedules.fetch_schedule({TICK: HOUR}) == []

    async def test_a_schedule_that_exists_is_left_alone(self, schedules: Store) -> None:
        await schedules.insert_schedule({TICK: HOUR})
        before = await _only(schedules)

        await schedules.insert_schedule({TICK: PAST})

        assert await _only(schedules) == before

    async def test_entrypoint_and_expression_together_make_a_schedule(
        self, schedules: Store
    ) -> None:
        keys = [TICK, _key("other"), _key(expression="1 * * * *")]
        await schedules.insert_schedule(dict.fromkeys(keys, PAST))

        picked = await schedules.fetch_schedule({keys[2]: HOUR})

        assert [(schedule.entrypoint, schedule.expression) for schedule in picked] == [keys[2]]
        assert len(await schedules.peek_schedule()) == 3

    async def test_a_due_schedule_is_picked_and_due_again_after_its_delay(
        self, schedules: Store
    ) -> None:
        before = utc_now()
        await schedules.insert_schedule({TICK: PAST})

        (picked,) = await schedules.fetch_schedule({TICK: HOUR})

        assert (picked.entrypoint, picked.status, picked.last_run) == ("tick", "picked", None)
        assert before + HOUR / 2 < picked.next_run < before + 2 * HOUR
        assert picked.heartbeat == picked.updated
        assert picked.heartbeat > picked.created
        assert await _only(schedules) == picked

    async def test_a_schedule_that_runs_is_not_picked_again(self, schedules: Store) -> None:
        await schedules.insert_schedule({TICK: PAST})
        await schedules.fetch_schedule({TICK: PAST})

        assert await schedules.fetch_schedule({TICK: HOUR}) == []

    async def test_pollers_at_the_same_time_pick_a_tick_once(self, peers: list[Store]) -> None:
        if not self.has_schedules:
            pytest.skip("this store has no schedules")
        keys = [_key(f"tick {number}") for number in range(5)]
        await peers[0].insert_schedule(dict.fromkeys(keys, PAST))

        picked = await asyncio.gather(
            *(peer.fetch_schedule(dict.fromkeys(keys, HOUR)) for peer in peers * 3)
        )

        names = sorted(schedule.entrypoint for batch in picked for schedule in batch)
        assert names == [key.entrypoint for key in keys]

    async def test_after_its_run_a_schedule_waits_for_the_next_tick(self, schedules: Store) -> None:
        await schedules.insert_schedule({TICK: PAST})
        (picked,) = await schedules.fetch_schedule({TICK: HOUR})

        await schedules.set_schedule_queued({picked.id})

        done = await _only(schedules)
        assert (done.status, done.next_run) == ("queued", picked.next_run)
        assert done.last_run is not None
        assert done.last_run >= picked.heartbeat
        assert await schedules.fetch_schedule({TICK: HOUR}) == []

    async def test_a_schedule_advances_tick_by_tick(self, schedules: Store) -> None:
        await schedules.insert_schedule({TICK: PAST})
        ticks = []
        for _ in range(3):
            (picked,) = await schedules.fetch_schedule({TICK: AT_ONCE})
            await schedules.set_schedule_queued({picked.id})
            ticks.append(picked.next_run)

        assert ticks == sorted(set(ticks))

    async def test_a_heartbeat_tells_that_a_schedule_still_runs(self, schedules: Store) -> None:
        await schedules.insert_schedule(dict.fromkeys([TICK, _key("other")], PAST))
        first, second = await schedules.fetch_schedule({TICK: HOUR, _key("other"): HOUR})

        await schedules.update_schedule_heartbeat({first.id})

        now = {schedule.id: schedule for schedule in await schedules.peek_schedule()}
        assert now[first.id].heartbeat > first.heartbeat
        assert now[second.id].heartbeat == second.heartbeat
        assert {schedule.status for schedule in now.values()} == {"picked"}

    async def test_schedules_are_listed_by_their_last_run(self, schedules: Store) -> None:
        keys = [_key(name) for name in ("a", "b", "c")]
        await schedules.insert_schedule(dict.fromkeys(keys, PAST))
        for key in (keys[2], keys[1]):
            (picked,) = await schedules.fetch_schedule({key: HOUR})
            await schedules.set_schedule_queued({picked.id})

        listed = await schedules.peek_schedule()

        assert [schedule.entrypoint for schedule in listed] == ["c", "b", "a"]

    async def test_schedules_are_deleted_by_id_or_entrypoint(self, schedules: Store) -> None:
        keys = [_key("a"), _key("b"), _key("b", "1 * * * *"), _key("c")]
        await schedules.insert_schedule(dict.fromkeys(keys, HOUR))
        ids = {schedule.entrypoint: schedule.id for schedule in await schedules.peek_schedule()}

        await schedules.delete_schedule({ids[CronEntrypoint("a")]}, {CronEntrypoint("b")})

        assert (await _only(schedules)).entrypoint == "c"

    async def test_schedules_are_cleared(self, schedules: Store) -> None:
        await schedules.insert_schedule({TICK: HOUR})

        await schedules.clear_schedule()

        assert await schedules.peek_schedule() == []
        assert await schedules.fetch_schedule({TICK: HOUR}) == []

    async def test_a_step_runs_a_tick_and_fixes_the_next_due_time(self, schedules: Store) -> None:
        due = await self._due(schedules)
        step = _step(due, due=due.next_run - HOUR)

        (picked,) = await schedules.start_schedules([step], stale_after=HOUR)

        assert (picked.id, picked.status, picked.due) == (due.id, "picked", step.due)
        assert picked.next_run == step.following
        assert picked.heartbeat > due.heartbeat
        assert await _only(schedules) == picked

    async def test_a_step_is_taken_once(self, peers: list[Store]) -> None:
        if not self.has_schedules:
            pytest.skip("this store has no schedules")
        due = await self._due(peers[0])
        step = _step(due, in_=PAST)

        moved = await asyncio.gather(
            *(peer.start_schedules([step], stale_after=timedelta(0)) for peer in peers * 3)
        )

        assert [schedule.id for each in moved for schedule in each] == [due.id]

    async def test_a_step_without_a_tick_only_moves_the_schedule(self, schedules: Store) -> None:
        due = await self._due(schedules)
        (picked,) = await schedules.start_schedules([_step(due, in_=PAST)], stale_after=HOUR)
        silent = timedelta(0)
        skip = ScheduleTick(
            schedule=due.id, next_run=picked.next_run, due=None, following=utc_now() + HOUR
        )

        (moved,) = await schedules.start_schedules([skip], stale_after=silent)

        assert (moved.status, moved.due, moved.next_run) == ("queued", due.next_run, skip.following)
        assert await _only(schedules) == moved

    async def test_a_step_that_lies_ahead_or_runs_is_not_taken(self, schedules: Store) -> None:
        await schedules.insert_schedule({TICK: HOUR})
        early = _step(await _only(schedules))
        assert await schedules.start_schedules([early], stale_after=HOUR) == []
        await schedules.clear_schedule()
        due = await self._due(schedules)
        (picked,) = await schedules.start_schedules([_step(due, in_=PAST)], stale_after=HOUR)

        assert await schedules.start_schedules([_step(picked)], stale_after=HOUR) == []

    async def test_a_run_is_ended_by_whoever_started_it(self, schedules: Store) -> None:
        due = await self._due(schedules)
        (picked,) = await schedules.start_schedules([_step(due)], stale_after=HOUR)

        assert await schedules.beat_schedules([picked]) == {picked.id}
        beaten = await _only(schedules)
        assert await schedules.end_schedules([picked]) == {picked.id}

        ended = await _only(schedules)
        assert beaten.heartbeat > picked.heartbeat
        assert (ended.status, ended.next_run, ended.due) == ("queued", picked.next_run, picked.due)
        assert ended.last_run is not None

    async def test_a_run_that_was_taken_over_can_not_touch_its_successor(
        self, schedules: Store
    ) -> None:
        due = await self._due(schedules)
        (lost,) = await schedules.start_schedules([_step(due, in_=PAST)], stale_after=HOUR)
        (taken,) = await schedules.start_schedules([_step(lost)], stale_after=timedelta(0))

        assert await schedules.beat_schedules([lost]) == set()
        assert await schedules.end_schedules([lost]) == set()

        assert await _only(schedules) == taken

    async def test_a_run_that_was_taken_over_through_fetch_can_not_touch_it_either(
        self, schedules: Store
    ) -> None:
        due = await self._due(schedules)
        (lost,) = await schedules.start_schedules([_step(due, in_=PAST)], stale_after=HOUR)
        (taken,) = await schedules.fetch_schedule({TICK: HOUR}, stale_after=timedelta(0))

        assert await schedules.beat_schedules([lost]) == set()
        assert await schedules.end_schedules([lost]) == set()

        assert taken.due == lost.next_run
        assert await _only(schedules) == taken

    async def test_a_paused_schedule_is_not_started_until_it_is_resumed(
        self, schedules: Store
    ) -> None:
        due = await self._due(schedules)
        await schedules.pause_schedule({due.id}, set())
        await schedules.pause_schedule(set(), {due.entrypoint})

        paused = await _only(schedules)
        assert (paused.paused, paused.next_run, paused.status) == (True, due.next_run, "queued")
        assert await schedules.start_schedules([_step(due)], stale_after=HOUR) == []
        assert await schedules.fetch_schedule({TICK: HOUR}) == []
        await schedules.insert_schedule({TICK: PAST})
        assert await _only(schedules) == paused

        await schedules.resume_schedule(set(), {due.entrypoint})
        await schedules.resume_schedule({due.id}, set())

        resumed = await _only(schedules)
        assert (resumed.paused, resumed.next_run) == (False, due.next_run)
        assert len(await schedules.start_schedules([_step(due)], stale_after=HOUR)) == 1

    async def test_a_run_goes_on_through_a_pause(self, schedules: Store) -> None:
        due = await self._due(schedules)
        (picked,) = await schedules.start_schedules([_step(due, in_=PAST)], stale_after=HOUR)
        await schedules.pause_schedule({due.id}, set())

        assert await schedules.beat_schedules([picked]) == {due.id}
        assert await schedules.start_schedules([_step(picked)], stale_after=timedelta(0)) == []
        assert await schedules.end_schedules([picked]) == {due.id}

        ended = await _only(schedules)
        assert (ended.status, ended.paused, ended.next_run) == ("queued", True, picked.next_run)

    async def test_a_pause_is_for_the_chosen_schedules(self, schedules: Store) -> None:
        keys = [_key("a"), _key("b"), _key("b", "1 * * * *"), _key("c")]
        await schedules.insert_schedule(dict.fromkeys(keys, HOUR))
        ids = {schedule.entrypoint: schedule.id for schedule in await schedules.peek_schedule()}

        await schedules.pause_schedule({ids[CronEntrypoint("a")]}, {CronEntrypoint("b")})

        paused = [each.entrypoint for each in await schedules.peek_schedule() if each.paused]
        assert sorted(paused) == ["a", "b", "b"]

    async def test_a_schedule_can_be_made_due_at_once_unless_it_is_paused(
        self, schedules: Store
    ) -> None:
        later, paused = _key("later"), _key("paused")
        await schedules.insert_schedule({later: HOUR, paused: HOUR})
        await schedules.pause_schedule(set(), {paused.entrypoint})
        before = {each.entrypoint: each for each in await schedules.peek_schedule()}

        await schedules.run_schedule_now({before[later.entrypoint].id}, {paused.entrypoint})

        after = {each.entrypoint: each for each in await schedules.peek_schedule()}
        assert after[later.entrypoint].next_run <= await schedules.database_time()
        assert after[paused.entrypoint] == before[paused.entrypoint]
        due = after[later.entrypoint]
        assert len(await schedules.start_schedules([_step(due)], stale_after=HOUR)) == 1

    async def test_the_time_of_the_database_goes_on(self, schedules: Store) -> None:
        before = await schedules.database_time()
        assert before.utcoffset() is not None
        assert await schedules.database_time() >= before

    async def _due(self, schedules: Store) -> Schedule:
        await schedules.insert_schedule({TICK: PAST})
        return await _only(schedules)

    async def test_unknown_schedules_are_harmless(self, schedules: Store) -> None:
        nobody = {ScheduleId(10**9)}
        await schedules.set_schedule_queued(nobody)
        await schedules.update_schedule_heartbeat(nobody)
        await schedules.delete_schedule(nobody, set())
        await schedules.delete_schedule(set(), set())
        await schedules.pause_schedule(nobody, set())
        await schedules.resume_schedule(set(), {CronEntrypoint("nobody")})
        assert await schedules.start_schedules([], stale_after=HOUR) == []
        assert await schedules.beat_schedules([]) == await schedules.end_schedules([]) == set()
        await schedules.insert_schedule({})

        assert await schedules.fetch_schedule({}) == []
        assert await schedules.peek_schedule() == []
