"""Schedules: each tick is picked once in the fleet, and the next one is not lost."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from pgqueuer.domain.models import CronExpressionEntrypoint, Schedule, utc_now
from pgqueuer.domain.types import CronEntrypoint, CronExpression, ScheduleId
from pgqueuer.testing._repository.kit import AT_ONCE, HOUR, RepositoryKit, Store


def _key(entrypoint: str = "tick", expression: str = "0 * * * *") -> CronExpressionEntrypoint:
    return CronExpressionEntrypoint(CronEntrypoint(entrypoint), CronExpression(expression))


TICK = _key()
PAST = timedelta(seconds=-1)


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

    async def test_unknown_schedules_are_harmless(self, schedules: Store) -> None:
        nobody = {ScheduleId(10**9)}
        await schedules.set_schedule_queued(nobody)
        await schedules.update_schedule_heartbeat(nobody)
        await schedules.delete_schedule(nobody, set())
        await schedules.delete_schedule(set(), set())
        await schedules.insert_schedule({})

        assert await schedules.fetch_schedule({}) == []
        assert await schedules.peek_schedule() == []
