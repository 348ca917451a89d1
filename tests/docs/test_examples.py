"""The code of the documentation runs, and the pages show nothing else."""

from __future__ import annotations

import ast
import asyncio
import importlib
import json
import logging
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType

import asyncpg
import httpx
import psycopg
import pytest
from fastapi import FastAPI
from psycopg_pool import AsyncConnectionPool

from pgqueuer import AsyncpgPoolDriver, Job, PgQueuer, Queries
from pgqueuer.adapters.tracing.opentelemetry import OpenTelemetryTracing
from pgqueuer.core.cron import Cron
from pgqueuer.domain.models import Schedule, utc_now
from pgqueuer.ports.tracing import TRACER
from pgqueuer.types import QueueExecutionMode
from tests.support.documents import EXAMPLES, Block, blocks, example, pages
from tests.support.kernel import until, working

FOREIGN = (
    "docs/plugins/index.md",
    "docs/plugins/packaging.md",
    "docs/plugins/testing.md",
    "docs/plugins/tutorial.md",
    "docs/reference/cli.md",
    "README.md",
)
"""Pages whose code has tests of its own."""

SHOWN = [
    block
    for page in pages()
    for block in blocks(page, "python")
    if not block.page.startswith(FOREIGN)
]
DRAIN = QueueExecutionMode.drain
ORDERS = "CREATE TABLE orders (id serial PRIMARY KEY, item text, shipped bool DEFAULT false)"


def shows(source: str, wanted: str) -> bool:
    """Whether `wanted` stands in `source`, line by line, at one depth of indentation."""
    lines, block = source.splitlines(), wanted.splitlines()
    for start, line in enumerate(lines):
        depth = line[: len(line) - len(line.lstrip())]
        indented = [depth + each if each else "" for each in block]
        if lines[start : start + len(block)] == indented:
            return True
    return False


@pytest.fixture
async def pool(queue_dsn: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(queue_dsn, min_size=1, max_size=4) as pool:
        yield pool


@pytest.fixture
def queries(pool: asyncpg.Pool) -> Queries:
    return Queries(AsyncpgPoolDriver(pool))


@pytest.fixture
def pgq(pool: asyncpg.Pool) -> PgQueuer:
    return PgQueuer(AsyncpgPoolDriver(pool))


async def statuses(queries: Queries) -> list[str]:
    """Every transition, in order, without the job that it is of."""
    return [row.status for row in await queries.queue_log()]


@pytest.mark.parametrize("block", SHOWN, ids=str)
def test_code_in_the_documentation_is_an_example_that_is_run(block: Block) -> None:
    sources = [path.read_text(encoding="utf-8") for path in EXAMPLES.rglob("*.py")]
    assert any(shows(source, block.text) for source in sources)


@pytest.mark.parametrize("path", sorted(EXAMPLES.rglob("*.py")), ids=lambda path: path.name)
def test_every_function_of_an_example_is_shown(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = source.splitlines()[node.lineno - 1 : node.end_lineno]
            function = "\n".join(lines)
            parts = [block.text for block in SHOWN]
            assert any(shows(function, part) or shows(part, function) for part in parts), node.name


async def test_one_job_over_the_connection_of_the_environment(
    queue_dsn: str, queries: Queries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGDSN", queue_dsn)
    job_id = await example("enqueue").one_job()
    assert [(row.job_id, row.status) for row in await queries.job_status([job_id])] == [
        (job_id, "queued")
    ]


async def test_enqueueing_one_and_many(queries: Queries) -> None:
    module = example("enqueue")
    assert len(await module.json_payload(queries)) == 1
    assert len(await module.many_jobs(queries)) == 3
    await module.later(queries)
    waiting = await queries.next_deferred_eta(["remind"])
    assert waiting is not None
    assert timedelta(minutes=14) < waiting <= timedelta(minutes=15)
    claimed = await queries.browse_queue(entrypoints=["resize"])
    assert sorted(job.priority for job in claimed) == [0, 0, 10]


async def test_effects_that_happen_exactly_once(
    queue_dsn: str, pool: asyncpg.Pool, queries: Queries
) -> None:
    await pool.execute("CREATE TABLE accounts (id int, balance int)")
    await pool.execute("INSERT INTO accounts VALUES (7, 0)")
    module = example("exactly_once")
    async with AsyncConnectionPool(queue_dsn, min_size=1, open=False) as psycopg_pool:
        for register, source in [
            (module.with_asyncpg, pool),
            (module.with_psycopg, psycopg_pool),
            (module.in_a_thread, queue_dsn),
        ]:
            pgq = PgQueuer(AsyncpgPoolDriver(pool))
            register(pgq, source)
            await queries.enqueue("credit", b"7")
            await pgq.run(mode=DRAIN)
    assert await pool.fetchval("SELECT balance FROM accounts") == 3
    assert (await statuses(queries)).count("successful") == 3


async def test_dedupe_keys(queries: Queries) -> None:
    module = example("enqueue")
    assert await module.once_at_a_time(queries) == "already queued: ['sync:7']"
    first, second = await module.skip_duplicates(queries)
    assert first is None
    assert second is not None
    [holder] = await module.hurry(queries)
    job = await queries.queue_job_by_id(holder)
    assert job is not None
    assert job.priority == 50


async def test_history_is_deleted_by_age(
    pool: asyncpg.Pool, queries: Queries, capsys: pytest.CaptureFixture[str]
) -> None:
    await pool.execute(
        "INSERT INTO pgqueuer_log (created, job_id, status, priority, entrypoint)"
        " SELECT now() - days * interval '1 day', days, 'successful', 0, 'mail'"
        " FROM unnest('{100,60,1}'::int[]) AS days"
    )
    module = example("retention")
    assert await module.keeping_a_quarter(AsyncpgPoolDriver(pool)).prune_log() == 1
    assert await module.delete_all_but_a_week(queries) == 1
    assert capsys.readouterr().out.splitlines() == ["1"]


async def test_a_stream_of_jobs(queries: Queries, capsys: pytest.CaptureFixture[str]) -> None:
    assert await example("enqueue").a_million(queries, 12_000) == 12_000
    assert capsys.readouterr().out.splitlines() == ["5,000 jobs", "10,000 jobs", "12,000 jobs"]
    assert sum(row.count for row in await queries.queue_size()) == 12_000


async def test_waiting_for_the_end_of_a_job(pgq: PgQueuer, queries: Queries) -> None:
    @pgq.entrypoint("resize")
    async def resize(job: Job) -> None: ...

    async with working(pgq):
        assert await example("enqueue").wait_for_the_end(queries) == "successful"


async def test_canceling_queued_jobs(queries: Queries) -> None:
    module = example("enqueue")
    await module.cancel(queries, await module.many_jobs(queries))
    assert await queries.queue_size() == []
    assert (await statuses(queries))[-3:] == ["canceled"] * 3


async def test_jobs_of_a_transaction(queue_dsn: str, pool: asyncpg.Pool, queries: Queries) -> None:
    module = example("transactions")
    await pool.execute(ORDERS)
    await module.place_order(pool, "bicycle")
    async with await psycopg.AsyncConnection.connect(queue_dsn, autocommit=True) as connection:
        await module.place_order_with_psycopg(connection, "bell")
    await asyncio.to_thread(place_orders_without_asyncio, module, queue_dsn)
    jobs = await queries.browse_queue(entrypoints=["ship"])
    assert sorted(job.payload or b"" for job in jobs) == [b"1", b"2", b"3"]


def place_orders_without_asyncio(module: ModuleType, dsn: str) -> None:
    with psycopg.Connection.connect(dsn) as connection:
        module.place_order_without_asyncio(connection, "saddle")


async def test_a_transaction_that_is_rolled_back_leaves_no_job(
    pool: asyncpg.Pool, queries: Queries
) -> None:
    # The table is missing, so the first statement of the example fails.
    with pytest.raises(asyncpg.UndefinedTableError):
        await example("transactions").place_order(pool, "bicycle")
    assert await queries.queue_size() == []


async def test_a_handler_with_shared_resources(
    queue_dsn: str, pool: asyncpg.Pool, queries: Queries, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in psycopg.conninfo.conninfo_to_dict(queue_dsn).items():
        variable = {"dbname": "PGDATABASE", "host": "PGHOST", "port": "PGPORT", "user": "PGUSER"}
        monkeypatch.setenv(variable[name], str(value))
    await pool.execute(ORDERS)
    await pool.execute("INSERT INTO orders (item) VALUES ('bicycle')")
    await queries.enqueue("ship", b"1")
    async with example("handlers").main() as pgq:
        await pgq.run(mode=DRAIN)
    assert await pool.fetchval("SELECT shipped FROM orders") is True


async def test_handlers_that_return(
    pgq: PgQueuer, queries: Queries, capsys: pytest.CaptureFixture[str]
) -> None:
    module = example("handlers")
    module.plain(pgq)
    module.limited(pgq)
    await example("enqueue").json_payload(queries)
    await queries.enqueue(["print"] * 3, [None] * 3)
    await pgq.run(mode=DRAIN)
    assert capsys.readouterr().out == "Shipping 2 of bicycle\n"
    assert (await statuses(queries)).count("successful") == 4


async def test_handlers_that_block_or_take_long(
    pgq: PgQueuer, queries: Queries, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    # Another process imports the module by its name.
    monkeypatch.syspath_prepend(str(EXAMPLES))
    module = importlib.import_module("blocking")
    module.in_a_thread(pgq)
    module.in_a_process(pgq)
    module.with_a_deadline(pgq)
    await queries.enqueue(["archive", "digest", "crawl"], [b"page", b"data", None])
    await pgq.run(mode=DRAIN)
    assert (tmp_path / "archive.log").read_bytes() == b"page"
    log = await queries.queue_log()
    ends = {row.entrypoint: row.status for row in log if row.status not in ("queued", "picked")}
    assert ends == {"archive": "successful", "digest": "successful", "crawl": "exception"}


async def test_handlers_that_fail_or_try_again(pgq: PgQueuer, queries: Queries) -> None:
    module = example("retries")
    module.held(pgq)
    module.retried(pgq)
    await queries.enqueue(["charge", "fetch"], [None, None])
    await pgq.run(mode=DRAIN)
    [parked] = await queries.list_failed_jobs()
    assert parked.entrypoint == "charge"
    log = await queries.queue_log()
    fetched = [row.status for row in log if row.entrypoint == "fetch"]
    assert fetched == ["queued", "picked"] * 4 + ["exception"]


async def test_a_handler_that_asks_for_a_retry(pgq: PgQueuer, queries: Queries) -> None:
    example("retries").asks_for_a_retry(pgq)
    await queries.enqueue("poll", None)

    async def put_back() -> bool:
        return await queries.next_deferred_eta(["poll"]) is not None

    async with working(pgq):
        await until(put_back)
    eta = await queries.next_deferred_eta(["poll"])
    assert eta is not None
    assert timedelta(0) < eta <= timedelta(seconds=10)
    [traceback] = [row.traceback for row in await queries.queue_log() if row.traceback]
    assert traceback.exception_message == "not ready yet"


async def test_a_handler_that_puts_its_job_off(
    pgq: PgQueuer, queries: Queries, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Night:
        @staticmethod
        def now() -> datetime:
            return datetime(2030, 1, 1, 3)

    module = example("retries")
    monkeypatch.setattr(module, "datetime", Night)
    module.snoozed(pgq)
    [job_id] = await queries.enqueue("call", None)

    async def put_off() -> bool:
        return await queries.next_deferred_eta(["call"]) is not None

    async with working(pgq):
        await until(put_off)
    job = await queries.queue_job_by_id(job_id)
    assert job is not None
    assert job.attempts == 0


async def test_held_jobs_are_put_back_or_given_up(pgq: PgQueuer, queries: Queries) -> None:
    module = example("retries")
    module.held(pgq)
    [job_id] = await queries.enqueue("charge", None)
    await pgq.run(mode=DRAIN)
    assert await module.run_again(queries) == [job_id]
    assert (await statuses(queries))[-2:] == ["failed", "queued"]
    await module.give_up(queries, [job_id])
    assert await queries.queue_size() == []


async def test_a_handler_that_can_be_stopped(
    pgq: PgQueuer, queries: Queries, capsys: pytest.CaptureFixture[str]
) -> None:
    example("handlers").stoppable(pgq)
    [job_id] = await queries.enqueue("report", None)
    async with working(pgq):
        await until(lambda: job_id in pgq.qm.job_context)
        await queries.mark_job_as_cancelled([job_id])
        await until(lambda: not pgq.qm.job_context)
    assert capsys.readouterr().out == "Cleaning up\n"


async def test_a_handler_that_does_its_work_once(pool: asyncpg.Pool, queries: Queries) -> None:
    await pool.execute("CREATE TABLE payments (job_id bigint PRIMARY KEY, amount int)")
    [job_id] = await queries.enqueue("pay", b"100")
    job = await queries.queue_job_by_id(job_id)
    await example("handlers").idempotent(pool, job)
    await example("handlers").idempotent(pool, job)
    assert await pool.fetchval("SELECT count(*) FROM payments") == 1


async def test_metrics(pgq: PgQueuer, queries: Queries) -> None:
    module = example("metrics")
    observer = module.watch(pgq)

    @pgq.entrypoint("fail")
    async def fail(job: Job) -> None:
        raise ValueError

    await queries.enqueue(["fail"] * 3, [None] * 3)
    await pgq.run(mode=DRAIN)
    assert observer.failures == 3
    app = FastAPI()
    module.route(app, queries)
    assert "/metrics" in app.openapi()["paths"]


async def test_logs(pgq: PgQueuer, queries: Queries, capsys: pytest.CaptureFixture[str]) -> None:
    module = example("logs")
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        module.set_up_logging()
        module.register(pgq)
        (job_id,) = await queries.enqueue("mail", None)
        await pgq.run(mode=DRAIN)
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    (sent,) = (line for line in lines if line["message"] == "mail sent")
    assert (sent["job_id"], sent["entrypoint"], sent["attempt"]) == (job_id, "mail", 0)


async def test_a_tracer_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TRACER, "tracer", None)
    example("tracing").set_up_tracing()
    assert isinstance(TRACER.tracer, OpenTelemetryTracing)


async def test_typed_jobs(
    pgq: PgQueuer, queries: Queries, capsys: pytest.CaptureFixture[str]
) -> None:
    module = example("typed")
    module.by_annotation(pgq)
    module.by_argument(pgq)
    await module.produce(queries)
    await queries.enqueue("greet", b'["Ann", "Bob"]')
    await pgq.run(mode=DRAIN)
    assert sorted(capsys.readouterr().out.splitlines()) == [
        "Hello Ann Bob",
        "Hello, ann@example.org",
        "Hello, bob@example.org",
        "Hi, cat@example.org",
    ]


async def test_a_typed_job_with_job_and_context(
    pgq: PgQueuer, queries: Queries, capsys: pytest.CaptureFixture[str]
) -> None:
    pgq.resources["sender"] = "smtp"
    example("typed").with_job_and_context(pgq)
    await queries.enqueue("send_mail", b'{"to": "ann@example.org"}')
    await pgq.run(mode=DRAIN)
    assert capsys.readouterr().out == "Attempt 0 of smtp to ann@example.org\n"


async def test_job_types(
    pgq: PgQueuer, queries: Queries, capsys: pytest.CaptureFixture[str]
) -> None:
    module = example("typed")
    module.by_job_type(pgq)
    await module.produce_by_job_type(queries)
    await pgq.run(mode=DRAIN)
    printed = sorted(capsys.readouterr().out.splitlines())
    assert printed == ["0", "6", "9", "Hello, ann@example.org"]


async def test_a_test_without_a_database() -> None:
    await example("handler_test").test_greet_is_called_with_the_payload()


async def test_schedules(pgq: PgQueuer, queries: Queries) -> None:
    example("schedules").register(pgq)
    expressions = {key.entrypoint: key.expression for key in pgq.sm.registry}
    assert expressions["invoice"] == "CRON_TZ=Europe/Oslo 30 2 1 * *"
    assert Cron(expressions["refresh"]).next_after(utc_now()).minute % 5 == 0
    pgq.resources["queries"] = queries
    now = utc_now()
    for executor in pgq.sm.registry.values():
        parameters = executor.parameters
        schedule = Schedule(
            id=1,
            expression=parameters.expression,
            heartbeat=now,
            created=now,
            updated=now,
            next_run=now,
            status="picked",
            entrypoint=parameters.entrypoint,
        )
        await pgq.sm.dispatch(executor, schedule)
    assert [row.entrypoint for row in await queries.queue_size()] == ["report"]


@pytest.mark.parametrize(
    "function",
    [
        "by_name",
        "over_an_asyncpg_pool",
        "over_an_asyncpg_connection",
        "over_a_psycopg_connection",
    ],
)
async def test_ways_to_connect(queue_dsn: str, function: str) -> None:
    assert await getattr(example("drivers"), function)(queue_dsn) == 1


async def test_two_queues_in_one_database(queries: Queries) -> None:
    _, mail = await example("drivers").two_queues_in_one_database(queries.driver)
    await mail.qm.queries.enqueue("send", None)
    assert await queries.queue_size() == []
    assert len(await mail.qm.queries.queue_size()) == 1


async def test_a_server_of_ones_own(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("server")
    assert await example("embedded_server").server_of_a_test(str(folder)) == 1


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_every_example_is_run_by_a_test(path: Path) -> None:
    called = f'("{path.stem}")'
    typed = {"app.py", "producer.py"}  # by the reader of test_quickstart.py
    tests = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("*.py"))
    assert path.name in typed or called in tests


async def test_web_page(queue_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGQUEUER_DSN", queue_dsn)
    app = example("web_page").app

    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client,
    ):
        assert (await client.get("/queue/jobs")).status_code == 200
