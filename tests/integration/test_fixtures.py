from __future__ import annotations

import asyncpg
import psycopg
import pytest


async def test_a_database_is_fresh_and_reached_by_both_drivers(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("CREATE TABLE mine (id int)")
    finally:
        await connection.close()
    with psycopg.connect(dsn) as sync_connection:
        assert sync_connection.execute("SELECT count(*) FROM mine").fetchone() == (0,)


@pytest.mark.parametrize("attempt", [1, 2])
def test_no_test_sees_the_tables_of_another(dsn: str, attempt: int) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute("CREATE TABLE mine (id int)")
