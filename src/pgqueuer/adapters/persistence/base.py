"""What every part of `Queries` stands on: a driver and the statements of one settings object."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pgqueuer.adapters.persistence.sqltext import Statements

if TYPE_CHECKING:
    from pgqueuer.adapters.persistence.calls import Call
    from pgqueuer.domain.settings import DBSettings
    from pgqueuer.ports.driver import Driver

T = TypeVar("T")


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

    async def _fetch(self, statement: str, *args: object) -> list[dict[str, object]]:
        return await self.driver.fetch(self.statements[statement], *args)

    async def _send(self, call: Call[T]) -> T:
        if call.statement is None:
            return call.read([])
        with call.errors():
            rows = await self._fetch(call.statement, *call.args)
        return call.read(rows)
