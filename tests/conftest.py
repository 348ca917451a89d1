"""A PostgreSQL server for the run, and a fresh database for every test that asks for one.

The server is the one that `PGQUEUER_TEST_DSN` names (its user must be allowed to create
databases), else an embedded one, which parallel runs share. Its binaries are those of
`PGQUEUER_TEST_PG_BINDIR`, if that is set.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import tempfile
import zlib
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from tests.support.places import memory  # noqa: E402
from tests.support.postgres import FAST, TestPostgres, connected  # noqa: E402

for variable in list(os.environ):
    if variable.startswith("PG") and not variable.startswith(
        ("PGQUEUER_TEST_", "PGQUEUER_UPDATE_")
    ):
        del os.environ[variable]

# A shell without job control lets what it starts in the background ignore Ctrl-C, and so would
# the programs that the tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Makes reports fit to be sent: text that is no valid UTF-8 would end the whole run."""
    report = yield
    report.sections = [(name, sendable(text)) for name, text in report.sections]
    if report.longreprtext != sendable(report.longreprtext):
        report.longrepr = sendable(report.longreprtext)
    return report


def sendable(text: str) -> str:
    """The text with lone surrogates escaped."""
    return text.encode(errors="backslashreplace").decode()


@pytest.fixture(scope="session")
def pg() -> Iterator[TestPostgres]:
    """The server: `admin_dsn`, `bindir` and `major`; `create()` and `drop()` for databases."""
    named = os.environ.get("PGQUEUER_TEST_DSN")
    if named:
        with connected(named, None) as server:
            server.drop_leftovers()
            yield server
        return
    from pgqueuer.adapters import embedded

    bindir = os.environ.get("PGQUEUER_TEST_PG_BINDIR")
    folder = server_folder()
    with (
        embedded.start(folder, bindir=bindir, options=FAST) as share,
        connected(share.dsn("postgres"), share.bindir) as server,
    ):
        server.drop_leftovers()
        yield server
    discard_unused(share.folder)


def server_folder() -> Path:
    """A folder in memory where there is plenty: databases come and go ten times as fast.

    Otherwise one in the repository, or in the temporary folder if this user can not write there.
    """
    in_memory = memory()
    if in_memory is not None:
        folder = in_memory / f"pgqueuer-tests-{os.getuid()}-{zlib.crc32(os.fsencode(ROOT)):x}"
        folder.mkdir(exist_ok=True)
        if folder.stat().st_uid == os.getuid():
            return folder
    cache = ROOT / ".cache"
    if os.access(cache if cache.exists() else ROOT, os.W_OK):
        return cache / "postgres"
    return Path(tempfile.gettempdir()) / f"pgqueuer-tests-{os.getuid()}"


def discard_unused(folder: Path) -> None:
    """Gives the memory back after the last run; the next one makes a new cluster."""
    from pgqueuer.adapters.embedded import guardian

    with guardian.turn(str(folder)):
        if (folder / "data").exists() and not guardian.has_users(str(folder)):
            # The name is one that the next start removes, should this process not get that far.
            discarded = (folder / "data").rename(folder / "data.new-discarded")
            shutil.rmtree(discarded)


@pytest.fixture(scope="session")
def queue_template(pg: TestPostgres) -> Iterator[str]:
    """The name of a database that has the queue's schema and nobody connected."""
    with pg.database() as name:
        # In a thread: pytest-asyncio owns the event loop of this one.
        with ThreadPoolExecutor(1) as pool:
            pool.submit(asyncio.run, install_queue(pg.dsn(name))).result()
        yield name


async def install_queue(dsn: str) -> None:
    """Installs the queue's schema with the default settings."""
    import asyncpg

    from pgqueuer.db import AsyncpgDriver
    from pgqueuer.queries import Queries

    connection = await asyncpg.connect(dsn)
    try:
        await Queries(AsyncpgDriver(connection)).install()
    finally:
        await connection.close()


@pytest.fixture
def dsn(pg: TestPostgres) -> Iterator[str]:
    """The DSN of a fresh, empty database."""
    with pg.database() as name:
        yield pg.dsn(name)


@pytest.fixture
def queue_dsn(pg: TestPostgres, queue_template: str) -> Iterator[str]:
    """The DSN of a fresh database with the queue's schema installed."""
    with pg.database(queue_template) as name:
        yield pg.dsn(name)
