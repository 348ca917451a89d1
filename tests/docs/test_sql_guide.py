"""The statements of the guide to SQL run, in the order in which they stand."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from tests.support.documents import DOCS, blocks
from tests.support.postgres import TestPostgres

STATEMENTS = [block.text for block in blocks(DOCS / "guides" / "sql.md", "sql")]


@contextmanager
def role(session: psycopg.Connection, name: str) -> Iterator[str]:
    session.execute(f"CREATE ROLE {name}".encode())
    try:
        yield name
    finally:
        session.execute(f"RESET ROLE; DROP OWNED BY {name}; DROP ROLE {name}".encode())


def test_the_guide_runs(queue_dsn: str, pg: TestPostgres) -> None:
    with (
        psycopg.connect(queue_dsn, autocommit=True) as session,
        role(session, f"{pg.prefix()}_guide_{os.getpid()}") as producer,
    ):
        session.execute("CREATE TABLE orders (id serial PRIMARY KEY, item text)")
        for statement in STATEMENTS:
            session.execute(statement.replace("producer", producer).encode())
        session.execute("INSERT INTO orders (item) VALUES ('bicycle')")
        session.execute(f"SET ROLE {producer}".encode())
        session.execute("SELECT pgqueuer_enqueue('resize')")
        session.execute(
            f"RESET ROLE; REVOKE ALL ON pgqueuer, pgqueuer_log FROM {producer}; "
            f"GRANT USAGE ON SCHEMA api TO {producer}; SET ROLE {producer}".encode()
        )
        session.execute("SELECT api.request_report(2026)")
        session.execute("RESET ROLE")
        jobs = session.execute("SELECT entrypoint, payload FROM pgqueuer ORDER BY id").fetchall()
        logged = session.execute("SELECT count(*) FROM pgqueuer_log").fetchone()
    assert [entrypoint for entrypoint, _ in jobs] == [
        "resize",
        "ship",
        "resize",
        "resize",
        "ship",
        "resize",
        "report",
    ]
    assert json.loads(jobs[4][1]) == {"id": 1, "item": "bicycle"}
    assert json.loads(jobs[6][1]) == {"year": 2026}
    assert logged == (len(jobs) - 1,)
