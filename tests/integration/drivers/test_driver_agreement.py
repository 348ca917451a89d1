"""psycopg's values are those of asyncpg, in text and in binary format."""

from __future__ import annotations

import pytest

from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.adapters.drivers.psycopg import PsycopgDriver
from tests.support.driver_tests import admin_of, asyncpg_connection

EXPRESSIONS = [
    "1::smallint",
    "1::int",
    "1::bigint",
    "1.50::numeric",
    "0.1::float4",
    "0.1::float8",
    "true",
    "'text'::text",
    "'text'::varchar(10)",
    "'text'::char(10)",
    "'pg_class'::name",
    "5::oid",
    r"'\x00ff'::bytea",
    "'2024-02-29'::date",
    "'12:30:15.123456'::time",
    "'2024-02-29 12:30:15.123456'::timestamp",
    "'2024-02-29 12:30:15.123456+05:45'::timestamptz",
    "'infinity'::timestamptz",
    "'1 year 2 mons 3 days 04:05:06.000007'::interval",
    "'-1 day -00:00:01'::interval",
    "'0f0e0d0c-0b0a-0908-0706-050403020100'::uuid",
    """'{"b": [1, null], "a": "ï"}'::jsonb""",
    """'{"b": [1, null],  "a": "ï"}'::json""",
    "ARRAY[1, NULL, 3]",
    "ARRAY[1, NULL, 3]::bigint[]",
    "ARRAY['a', NULL, 'b c', '']",
    r"ARRAY['\x00'::bytea, NULL]",
    "ARRAY['1 day'::interval, NULL]",
    "ARRAY['2024-02-29 12:30+00'::timestamptz]",
    "ARRAY['0f0e0d0c-0b0a-0908-0706-050403020100'::uuid]",
    "ARRAY['{}'::jsonb]",
    "ARRAY[]::text[]",
    "NULL",
    "NULL::int",
    "'fine'::mood",
    "ARRAY[true, false]",
]


@pytest.mark.parametrize("zone", ["UTC", "America/St_Johns"])
async def test_values_agree(dsn, zone):
    async with asyncpg_connection(dsn) as connection, admin_of(dsn) as other:
        ours, theirs = PsycopgDriver(other), AsyncpgDriver(connection)
        await theirs.execute("CREATE TYPE mood AS ENUM ('fine')")
        for driver in (ours, theirs):
            await driver.execute(f"SET TimeZone TO '{zone}'")
        for expression in EXPRESSIONS:
            query = f"SELECT {expression} AS value"
            (expected,) = await theirs.fetch(query)
            for _ in range(3):
                (found,) = await ours.fetch(query)
                assert found == expected, expression
                assert kind(found["value"]) == kind(expected["value"]), expression


def kind(value: object) -> object:
    """The type of a value; asyncpg has a UUID class of its own."""
    if isinstance(value, list):
        return [kind(item) for item in value]
    if hasattr(value, "tzinfo"):
        return type(value), value.tzinfo
    return type(value).__name__
