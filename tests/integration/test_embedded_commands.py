"""`pgq embedded`, and a process that joins the server by environment."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from pgqueuer.adapters import embedded
from tests.support.places import embedded_base, memory

CONNECT = """
import asyncio, os, sys
from pgqueuer.adapters import embedded
server = embedded.join_for_process()

import asyncpg, psycopg

async def main():
    connection = await asyncpg.connect()
    print(await connection.fetchval("SELECT current_database()"))
    await connection.close()

asyncio.run(main())
with psycopg.connect() as connection:
    print(connection.execute("SELECT current_user").fetchone()[0])
print("PGDSN" in os.environ, "PGQUEUER_DSN" in os.environ)
"""


@pytest.fixture(autouse=True)
def base(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    chosen = os.environ.get("PGQUEUER_TEST_PG_BINDIR")
    if chosen:
        monkeypatch.setenv("PGQUEUER_EMBEDDED_BINDIR", chosen)
    with embedded_base(memory()) as folder:
        monkeypatch.setenv("PGQUEUER_EMBEDDED_DIR", str(folder))
        yield folder


def pgq(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pgqueuer", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def run(code: str, **environment: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_connections_without_arguments_reach_the_server_whatever_was_set_before() -> None:
    elsewhere = {
        "PGHOST": "nowhere.invalid",
        "PGHOSTADDR": "192.0.2.1",
        "PGPORT": "1",
        "PGUSER": "stranger",
        "PGDATABASE": "other",
        "PGSERVICE": "other",
        "PGSSLMODE": "verify-full",
        "PGCHANNELBINDING": "require",
        "PGTARGETSESSIONATTRS": "standby",
        "PGDSN": "postgresql://nowhere.invalid/",
        "PGQUEUER_DSN": "postgresql://nowhere.invalid/",
    }
    assert run(CONNECT, **elsewhere) == ["pgqueuer", "pgqueuer", "False False"]


def test_a_process_that_joined_leaves_at_its_end(base: Path) -> None:
    run("from pgqueuer.adapters import embedded; embedded.join_for_process()")
    (cluster,) = embedded.status()
    assert not cluster.running


def test_the_commands_tell_where_the_server_is_and_stop_it(base: Path) -> None:
    with embedded.start(options={"fsync": "off"}) as server:
        assert f"PostgreSQL {server.major}: running" in pgq("embedded", "status").stdout
        assert pgq("embedded", "dsn").stdout.strip() == server.dsn()
        with psycopg.connect(pgq("embedded", "dsn").stdout.strip()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert "Stopped PostgreSQL" in pgq("embedded", "stop").stdout
        assert f"PostgreSQL {server.major}: stopped" in pgq("embedded", "status").stdout


def test_the_commands_start_nothing(base: Path) -> None:
    assert "No data in" in pgq("embedded", "status").stdout
    assert "No server runs" in pgq("embedded", "stop").stdout
    answer = pgq("embedded", "dsn")
    assert answer.returncode == 1
    assert "pgq --embedded" in answer.stderr
    assert list(base.iterdir()) == []


def test_a_folder_without_binaries_is_an_error_of_one_line_that_tells_what_to_install(
    base: Path,
) -> None:
    environment = {**os.environ, "PGQUEUER_EMBEDDED_BINDIR": str(base)}
    done = subprocess.run(
        [sys.executable, "-m", "pgqueuer", "--embedded", "install"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "pip install 'pgqueuer[embedded]'" in done.stderr
    assert len(done.stderr.splitlines()) == 1
