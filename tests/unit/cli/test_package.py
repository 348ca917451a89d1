from __future__ import annotations

import subprocess
import sys

import pytest

import pgqueuer

NAMES = {
    "AsyncpgDriver",
    "AsyncpgPoolDriver",
    "DatabaseRetryEntrypointExecutor",
    "InMemoryDriver",
    "InMemoryQueries",
    "Job",
    "JobId",
    "JobType",
    "PgQueuer",
    "PsycopgDriver",
    "Queries",
    "QueueManager",
    "RetryRequested",
    "SchedulerManager",
    "Snooze",
    "connect",
    "run",
}


def test_the_package_exports_these_names():
    assert set(pgqueuer.__all__) == NAMES
    assert set(dir(pgqueuer)) >= NAMES | {"__version__"}


@pytest.mark.parametrize("name", sorted(NAMES))
def test_each_name_is_found_where_it_is_defined(name):
    found = getattr(pgqueuer, name)
    assert found.__name__ == name
    assert found.__module__.startswith("pgqueuer.")


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = pgqueuer.nothing


@pytest.mark.parametrize("missing", ["asyncpg", "psycopg"])
def test_everything_but_a_missing_driver_can_be_imported(missing):
    others = sorted(name for name in NAMES if not name.lower().startswith(missing))
    code = (
        "import sys\n"
        "import pgqueuer\n"
        "assert not {'asyncio', 'pydantic', 'asyncpg', 'psycopg'} & set(sys.modules)\n"
        f"sys.modules[{missing!r}] = None\n"
        f"from pgqueuer import {', '.join(others)}\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
