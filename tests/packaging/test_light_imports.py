"""What is loaded, and what is not, until it is used."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

HEAVY = ("asyncpg", "psycopg", "sentry_sdk", "logfire", "opentelemetry", "croniter", "tabulate")


def loaded(code: str) -> set[str]:
    """The top-level packages that are loaded after `code`."""
    script = (
        "import sys, contextlib, io\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        f"    {code}\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        # Logfire, where it is installed, is loaded by pydantic as a plugin of its own.
        env={**os.environ, "PYDANTIC_DISABLE_PLUGINS": "__all__"},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import pgqueuer", (*HEAVY, "pydantic", "asyncio", "click", "pgq_plugins")),
        ("import pgqueuer.plugins", (*HEAVY, "pydantic", "asyncio", "click", "pgq_plugins")),
        ("from pgqueuer import PgQueuer", (*HEAVY, "click", "pgq_plugins", "anyio")),
        ("from pgqueuer import AsyncpgDriver", ("psycopg", "click", "croniter", "pgq_plugins")),
        ("import pgqueuer.db", ("asyncpg", "psycopg")),
        (
            "from pgqueuer.db import SqlAlchemyDriver",
            ("sqlalchemy", "asyncpg", "psycopg", "psycopg2"),
        ),
        ("import pgqueuer.adapters.django", ("django", "asyncpg", "psycopg", "pydantic")),
        *(
            (
                f"from pgqueuer.adapters.cli.cli import app; app({arguments!r})",
                (*HEAVY, "pydantic", "pgq_plugins"),
            )
            for arguments in (["--help"], ["--version"])
        ),
        (
            "from pgqueuer.adapters.cli.cli import app; app(['sql', 'install'])",
            (*HEAVY, "pgq_plugins"),
        ),
    ],
)
def test_what_is_not_used_is_not_loaded(code, absent):
    assert not loaded(code) & set(absent)
