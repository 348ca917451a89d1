"""The tools that change something, which a server has only when it is asked for them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from pgqueuer.adapters.mcp.database import Connection
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain.types import CronEntrypoint, JobId

Change: TypeAlias = Callable[..., Awaitable[str]]


class WritingTools:
    """Each method is a tool; it answers with what was done."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def all(self) -> tuple[Change, ...]:
        """The tools in the order of their listing."""
        return (
            self.requeue_jobs,
            self.cancel_jobs,
            self.pause_entrypoint,
            self.resume_entrypoint,
            self.pause_schedule,
            self.resume_schedule,
            self.run_schedule_now,
        )

    async def requeue_jobs(self, ids: list[int]) -> str:
        """Put jobs that are held as failed back to the queue; others are left alone."""
        done = await self._queries.requeue_failed([JobId(each) for each in ids])
        return f"{done} of {len(ids)} jobs were put back to the queue."

    async def cancel_jobs(self, ids: list[int]) -> str:
        """Delete jobs from the queue and ask the handlers that run them to stop."""
        done = await self._queries.cancel_jobs([JobId(each) for each in ids])
        return f"{done} of {len(ids)} jobs were canceled."

    async def pause_entrypoint(self, entrypoint: str, reason: str | None = None) -> str:
        """Let no worker claim jobs of this entrypoint until it is resumed; say why, for people."""
        done = await self._queries.pause_entrypoints(entrypoint, reason=reason)
        was = "is" if done else "was already"
        return f"The entrypoint {entrypoint!r} {was} paused. Jobs that run go on to their end."

    async def resume_entrypoint(self, entrypoint: str) -> str:
        """Hand out jobs of this entrypoint again."""
        done = await self._queries.resume_entrypoints(entrypoint)
        return f"The entrypoint {entrypoint!r} {'goes on' if done else 'was not paused'}."

    async def pause_schedule(self, entrypoint: str) -> str:
        """Start no run of the schedules of this entrypoint until they are resumed."""
        await self._queries.pause_schedule(set(), await self._known(entrypoint))
        return f"The schedules of {entrypoint!r} are paused."

    async def resume_schedule(self, entrypoint: str) -> str:
        """Go on with the schedules of this entrypoint."""
        await self._queries.resume_schedule(set(), await self._known(entrypoint))
        return f"The schedules of {entrypoint!r} go on within half a minute."

    async def run_schedule_now(self, entrypoint: str) -> str:
        """Make the schedules of this entrypoint due at once, unless they are paused."""
        await self._queries.run_schedule_now(set(), await self._known(entrypoint))
        return f"The schedules of {entrypoint!r} run within half a minute."

    @property
    def _queries(self) -> Queries:
        return self._connection.database.queries

    async def _known(self, entrypoint: str) -> set[CronEntrypoint]:
        known = {schedule.entrypoint for schedule in await self._queries.peek_schedule()}
        if entrypoint not in known:
            names = ", ".join(sorted(known)) or "none"
            raise ValueError(f"There is no schedule {entrypoint!r}. Known: {names}.")
        return {CronEntrypoint(entrypoint)}
