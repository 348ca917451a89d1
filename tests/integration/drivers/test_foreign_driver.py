"""A driver that somebody else wrote, with errors of its own."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from pgqueuer.db import AsyncpgDriver
from pgqueuer.errors import DuplicateJobError
from pgqueuer.queries import Queries, is_unique_violation
from tests.support.kernel import until

WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"


class ForeignError(Exception):
    """Has what every driver for PostgreSQL knows, and no base class of ours or asyncpg's."""

    def __init__(self, sqlstate: str | None, detail: str | None = None) -> None:
        super().__init__("no")
        self.sqlstate = sqlstate
        self.detail = detail


class ForeignDriver(AsyncpgDriver):
    gives_details = True

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        try:
            return await super().fetch(query, *args)
        except asyncpg.PostgresError as error:
            raise ForeignError(
                error.sqlstate, error.detail if self.gives_details else None
            ) from None


@pytest.mark.parametrize(
    ("gives_details", "named"), [(True, ["taken"]), (False, ["taken", "free"])]
)
async def test_a_duplicate_is_told_from_the_sqlstate_when_two_producers_race(
    queue_dsn, monkeypatch, gives_details, named
):
    monkeypatch.setattr(ForeignDriver, "gives_details", gives_details)
    first, second = await asyncpg.connect(queue_dsn), await asyncpg.connect(queue_dsn)
    watcher = await asyncpg.connect(queue_dsn)

    async def second_waits() -> bool:
        return bool(await watcher.fetchval(WAITING))

    try:
        transaction = first.transaction()
        await transaction.start()
        await Queries(AsyncpgDriver(first)).enqueue("x", None, dedupe_key="taken")
        late = asyncio.create_task(
            Queries(ForeignDriver(second)).enqueue(
                ["x", "x"], [None, None], dedupe_key=["taken", "free"]
            )
        )
        await until(second_waits)
        await transaction.commit()
        with pytest.raises(DuplicateJobError, match="taken") as caught:
            await late
        assert caught.value.dedupe_key == named
    finally:
        for connection in (first, second, watcher):
            await connection.close(timeout=5)


def test_an_error_without_a_sqlstate_is_no_unique_violation():
    assert is_unique_violation(ForeignError("23505"))
    assert not is_unique_violation(ForeignError("23503"))
    assert not is_unique_violation(ForeignError(None))
    assert not is_unique_violation(ValueError("23505"))
