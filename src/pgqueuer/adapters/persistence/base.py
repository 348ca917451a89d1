"""What every part of `Queries` stands on: a driver and the statements of one settings object."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Final, TypeVar

from pgqueuer.adapters.persistence.sqltext import Statements
from pgqueuer.ports.statements import leaving_no_trace, statements_within

if TYPE_CHECKING:
    from pgqueuer.adapters.persistence.calls import Call
    from pgqueuer.domain.settings import DBSettings
    from pgqueuer.ports.driver import Driver

T = TypeVar("T")

SHORT: Final = frozenset(
    {
        "claim",
        "claim_after",
        "claim_limited",
        "claim_one_entrypoint",
        "claim_suspect",
        "completion_state",
        "database_time",
        "eligible_queued_work",
        "held_by_worker",
        "keep_leases",
        "next_deferred_eta",
        "outlook",
        "queue_pages",
        "queued_work",
        "reap",
        "recover_claims",
        "schedule_beat",
        "schedule_end",
        "schedule_fetch",
        "schedule_heartbeat",
        "schedule_insert",
        "schedule_peek",
        "schedule_set_queued",
        "schedule_start",
        "settle",
        "settle_done",
        "survey_fronts",
        "update_heartbeat",
        "whereabouts",
    }
)
"""What workers ask all the time; each takes milliseconds."""

LONG: Final = frozenset({"prune_log", "prune_statistics", "statistics_fold"})
"""What they ask now and then; each is one step of a larger work."""

PRODUCING: Final = frozenset(
    {
        "enqueue",
        "enqueue_alike",
        "enqueue_dedupe",
        "enqueue_one",
        "enqueue_skip",
        "enqueue_update_priority",
    }
)
"""What producers send, perhaps each time over another session of a pool, and leave nothing in."""

LONG_FACTOR: Final = 10
"""So many times longer may a long statement take."""


class StatementRunner:
    """Runs statements by the name of their file in `sql/`."""

    driver: Driver

    @property
    def settings(self) -> DBSettings:
        """The one settings object that every statement is rendered for."""
        raise NotImplementedError

    @property
    def statements(self) -> Statements:
        """The rendered statements; made anew when the settings were exchanged."""
        cached: tuple[DBSettings, Statements] | None = self.__dict__.get("_statements")
        if cached is None or cached[0] is not self.settings:
            cached = (self.settings, Statements(self.settings))
            self.__dict__["_statements"] = cached
        return cached[1]

    def _plan_anew(self) -> None:
        """Give each statement another text, so that its next plan is made for what is there now."""
        self.__dict__["_statements"] = (self.settings, self.statements.next_edition())

    async def _fetch(self, statement: str, *args: object) -> list[dict[str, object]]:
        with self._in_time(statement):
            return await self.driver.fetch(self.statements[statement], *args)

    def _in_time(self, statement: str) -> AbstractContextManager[None]:
        """Bounds a worker's own statements; those of producers may wait for other transactions."""
        if statement in SHORT:
            return statements_within(self.settings.statement_timeout)
        if statement in LONG:
            return statements_within(self.settings.statement_timeout * LONG_FACTOR)
        return leaving_no_trace() if statement in PRODUCING else nullcontext()

    async def _send(self, call: Call[T]) -> T:
        if call.statement is None:
            return call.read([])
        with call.errors():
            rows = await self._fetch(call.statement, *call.args)
        return call.read(rows)
