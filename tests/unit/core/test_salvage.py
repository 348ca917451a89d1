from __future__ import annotations

import pytest
from pydantic import BaseModel

from pgqueuer.core.salvage import blames_a_value, storable, write_in_parts
from pgqueuer.domain.models import TracebackRecord
from pgqueuer.domain.types import JobId


class DatabaseError(Exception):
    def __init__(self, sqlstate: str) -> None:
        super().__init__(sqlstate)
        self.sqlstate = sqlstate


class Table:
    """Accepts all but the refused values; while `down`, nothing."""

    def __init__(self, *refused: int) -> None:
        self.refused = set(refused)
        self.rows: list[int] = []
        self.calls = 0
        self.fail_at: int | None = None

    async def write(self, items: list[int]) -> None:
        self.calls += 1
        if self.calls == self.fail_at:
            raise ConnectionError("gone")
        if self.refused & set(items):
            raise DatabaseError("22P05")
        self.rows += items


def keep(item: int, error: Exception) -> int:
    return item


async def test_a_batch_that_is_accepted_is_written_at_once() -> None:
    table = Table()
    assert await write_in_parts(table.write, [1, 2, 3], keep) == ([], False)
    assert (table.rows, table.calls) == ([1, 2, 3], 1)


async def test_one_refused_item_does_not_hold_back_the_rest() -> None:
    table = Table(5)
    left, failed = await write_in_parts(table.write, list(range(10)), keep)
    assert (left, failed) == ([5], False)
    assert table.rows == [0, 1, 2, 3, 4, 6, 7, 8, 9]


async def test_refused_items_stay_in_order() -> None:
    table = Table(1, 3, 8)
    left, _ = await write_in_parts(table.write, list(range(10)), keep)
    assert left == [1, 3, 8]


async def test_a_replacement_is_written_in_the_place_of_a_refused_item() -> None:
    table = Table(2)
    assert await write_in_parts(table.write, [1, 2, 3], lambda item, _: item * 100) == ([], False)
    assert table.rows == [1, 200, 3]


async def test_a_replacement_that_is_refused_too_is_kept_and_not_replaced_again() -> None:
    table = Table(2, 4)
    left, failed = await write_in_parts(table.write, [1, 2, 3], lambda item, _: item * 2)
    assert (left, failed) == ([4], False)
    assert table.rows == [1, 3]


async def test_none_drops_a_refused_item() -> None:
    table = Table(2)
    assert await write_in_parts(table.write, [1, 2, 3], lambda *_: None) == ([], False)
    assert table.rows == [1, 3]


@pytest.mark.parametrize("fail_at", range(1, 8))
async def test_a_connection_lost_on_the_way_leaves_everything_unwritten_in_order(
    fail_at: int,
) -> None:
    table = Table(2)
    table.fail_at = fail_at
    items = list(range(6))
    left, failed = await write_in_parts(table.write, items, keep)
    assert failed is (fail_at <= table.calls)
    assert sorted(table.rows + left) == items
    assert left == sorted(left)


async def test_a_lost_connection_ends_the_attempt() -> None:
    table = Table()
    table.fail_at = 1
    assert await write_in_parts(table.write, [1, 2], keep) == ([1, 2], True)
    assert table.calls == 1


class DataError(Exception):
    """As PEP 249 names it; psycopg raises one for values that it can not send."""


class Unserializable(BaseModel):
    value: object


def serialization_error() -> Exception:
    try:
        Unserializable(value=object()).model_dump_json()
    except ValueError as error:
        return error
    raise AssertionError


@pytest.mark.parametrize(
    "error",
    [
        DatabaseError("22021"),
        DatabaseError("23514"),
        DataError(),
        UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates"),
        serialization_error(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_of_values(error: Exception) -> None:
    assert blames_a_value(error)


@pytest.mark.parametrize(
    "error",
    [DatabaseError("57P01"), DatabaseError("40P01"), OSError(), TimeoutError(), RuntimeError()],
    ids=lambda error: type(error).__name__,
)
def test_errors_of_everything_else(error: Exception) -> None:
    assert not blames_a_value(error)


def test_a_storable_record_keeps_what_can_be_kept() -> None:
    try:
        raise ValueError("nul \0 and surrogate \ud800")
    except ValueError as error:
        record = TracebackRecord.from_exception(error, JobId(1), {"weird": object()})
    cleaned = storable(record)
    assert cleaned.exception_message == "nul \\x00 and surrogate \\ud800"
    assert "\0" not in cleaned.model_dump_json()
    assert "ValueError" in cleaned.traceback
