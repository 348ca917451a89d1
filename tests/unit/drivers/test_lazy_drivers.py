"""Nobody pays for a driver that is not used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import pgqueuer.db


def loaded_after(statements: str) -> set[str]:
    script = f"{statements}\nimport sys\nprint(*sys.modules)"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return {"asyncpg", "psycopg", "psycopg_pool"} & set(done.stdout.split())


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ("import pgqueuer.db; dir(pgqueuer.db)", set()),
        ("from pgqueuer.db import Driver, SyncDriver", set()),
        ("import pgqueuer.adapters.connections", set()),
        ("from pgqueuer.db import AsyncpgDriver, AsyncpgPoolDriver", set()),
        ("from pgqueuer.db import PsycopgDriver, SyncPsycopgDriver", {"psycopg"}),
    ],
)
def test_what_an_import_loads(statements, expected):
    assert loaded_after(statements) == expected


def test_every_name_is_there():
    assert set(pgqueuer.db.__all__) <= set(dir(pgqueuer.db))
    for name in pgqueuer.db.__all__:
        assert getattr(pgqueuer.db, name).__name__ == name


def test_there_is_no_dsn_any_more():
    with pytest.raises(AttributeError, match="no attribute 'dsn'"):
        pgqueuer.db.dsn  # noqa: B018
