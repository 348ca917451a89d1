"""The reference has an entry for everything that can be set, and for every database object."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import timedelta
from enum import Enum
from uuid import uuid4

import asyncpg
import pytest
from pydantic import AliasChoices, BaseModel

from pgqueuer import (
    Job,
    PgQueuer,
    Queries,
    QueueManager,
    RetryRequested,
    SchedulerManager,
    run,
)
from pgqueuer.domain.settings import ConnectionSettings, DBSettings
from pgqueuer.models import CancellationEvent, HealthCheckEvent, Schedule, TableChangedEvent
from pgqueuer.queries import NewJob
from tests.support.documents import DOCS, ROOT, Block, blocks, entries, prose
from tests.support.kernel import PATIENCE, until, working

SETTINGS = DOCS / "reference" / "settings.md"
DATABASE = DOCS / "reference" / "database.md"

SECTIONS = {
    "Database objects": DBSettings,
    "Connection": ConnectionSettings,
    "`run()`": PgQueuer.run,
    "`entrypoint()`": PgQueuer.entrypoint,
    "`schedule()`": PgQueuer.schedule,
    "`pgqueuer.run()`": run,
}
LIBPQ = {"PGDSN", "PGOPTIONS", "PGAPPNAME", "PGCONNECT_TIMEOUT", "TABLEFMT"}
"""Variables that the library reads although their names are not its own."""


def options(documented: object) -> set[str]:
    """The fields of a model, or the parameters of a function."""
    if isinstance(documented, type) and issubclass(documented, BaseModel):
        return set(documented.model_fields)
    assert callable(documented)
    return set(inspect.signature(documented).parameters) - {"self"}


def entry(section: str, name: str) -> str:
    """What is said under the heading of `name`, as one line."""
    text = prose(SETTINGS).split(f"\n## {section}\n", 1)[1].split("\n## ", 1)[0]
    said = text.split(f"\n### `{name}`\n", 1)[1].split("\n### ", 1)[0]
    return " ".join(said.split())


def shown(default: object) -> str:
    """A default as the reference writes it."""
    match default:
        case timedelta(seconds=0, microseconds=0, days=days) if days:
            return f"{days} days"
        case timedelta():
            return f"{default.total_seconds():g} s"
        case Enum():
            return f"`{default.value}`"
        case str() if "pgqueuer" not in default:
            return f'`"{default}"`'
        case _:
            return f"`{default}`"


def defaults() -> Iterator[tuple[str, str, object]]:
    for section, documented in SECTIONS.items():
        if isinstance(documented, type) and issubclass(documented, BaseModel):
            for name, value in documented.model_validate({}):
                yield section, name, value
        else:
            assert callable(documented)
            for parameter in inspect.signature(documented).parameters.values():
                if parameter.default is not parameter.empty:
                    yield section, parameter.name, parameter.default


@pytest.mark.parametrize("section", SECTIONS)
def test_every_option_has_an_entry_and_nothing_else_does(section: str) -> None:
    expected = options(SECTIONS[section])
    if section == "`pgqueuer.run()`":
        expected -= options(PgQueuer.run)
    assert entries(SETTINGS, section) == expected


def test_managers_take_what_is_documented_for_the_whole() -> None:
    assert options(QueueManager.run) == options(PgQueuer.run)
    assert options(QueueManager.entrypoint) == options(PgQueuer.entrypoint)
    assert options(SchedulerManager.schedule) == options(PgQueuer.schedule)
    assert options(PgQueuer.run) - options(run) == {"log_aggregation_interval"}


@pytest.mark.parametrize(("section", "name", "value"), list(defaults()))
def test_the_documented_default_is_the_real_one(section: str, name: str, value: object) -> None:
    if section == "`pgqueuer.run()`" and name in options(PgQueuer.run):
        assert value == inspect.signature(PgQueuer.run).parameters[name].default
        return
    wanted = "empty" if value == "" else shown(value)
    assert f"Default: {wanted}" in entry(section, name)


@pytest.mark.parametrize("model", [DBSettings, ConnectionSettings])
def test_every_field_names_its_variables(model: type[BaseModel]) -> None:
    section = next(name for name, documented in SECTIONS.items() if documented is model)
    for name, field in model.model_fields.items():
        alias = field.validation_alias
        names = alias.choices if isinstance(alias, AliasChoices) else [alias]
        for variable in names:
            assert f"`{variable}`" in entry(section, name)


def test_every_environment_variable_of_the_code_is_listed_and_no_other() -> None:
    used = set(variables_in_source())
    for model in (DBSettings, ConnectionSettings):
        for field in model.model_fields.values():
            alias = field.validation_alias
            names = alias.choices if isinstance(alias, AliasChoices) else [alias]
            used |= {str(name) for name in names if str(name).startswith("PG")}
    table = prose(SETTINGS).split("\n## Environment variables\n", 1)[1]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    listed = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert listed == used


def variables_in_source() -> Iterator[str]:
    """Strings of the code that are the name of a variable; docstrings are none."""
    for folder in ("src", "pgq_plugins"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    name = node.value
                    if re.fullmatch(r"PGQUEUER_[A-Z_]+[A-Z]", name) or name in LIBPQ:
                        yield name


def documented_names(after: str) -> set[str]:
    """The names in backticks in the first column of the tables under a heading."""
    text = DATABASE.read_text(encoding="utf-8").split(f"\n## {after}\n", 1)[1].split("\n## ", 1)[0]
    cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


@pytest.mark.parametrize(
    "table",
    [
        "pgqueuer",
        "pgqueuer_log",
        "pgqueuer_statistics",
        "pgqueuer_schedules",
        "pgqueuer_pauses",
    ],
)
async def test_every_column_and_index_is_in_the_database_reference(
    queue_dsn: str, table: str
) -> None:
    connection = await asyncpg.connect(queue_dsn)
    try:
        columns = await connection.fetch(
            "SELECT attname AS name FROM pg_attribute"
            " WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped",
            table,
        )
        indexes = await connection.fetch(
            "SELECT indexname AS name FROM pg_indexes WHERE tablename = $1", table
        )
    finally:
        await connection.close()
    assert documented_names(f"Table `{table}`") == {row["name"] for row in (*columns, *indexes)}


async def test_every_status_function_and_trigger_is_in_the_database_reference(
    queue_dsn: str,
) -> None:
    connection = await asyncpg.connect(queue_dsn)
    try:
        labels = await connection.fetch(
            "SELECT enumlabel FROM pg_enum WHERE enumtypid = 'pgqueuer_status'::regtype"
            " ORDER BY enumsortorder"
        )
        [trigger] = await connection.fetch(
            "SELECT tgname, pg_get_triggerdef(oid) AS definition FROM pg_trigger"
            " WHERE NOT tgisinternal"
        )
    finally:
        await connection.close()
    text = DATABASE.read_text(encoding="utf-8")
    assert ", ".join(f"`{row['enumlabel']}`" for row in labels) in text
    assert f"`{trigger['tgname']}`" in text
    assert "AFTER INSERT OR TRUNCATE" in trigger["definition"]


def test_every_message_is_in_the_database_reference() -> None:
    for event in (TableChangedEvent, CancellationEvent, HealthCheckEvent):
        [kind] = event.model_fields["type"].annotation.__args__
        text = DATABASE.read_text(encoding="utf-8").split(f"\n### `{kind}`\n", 1)[1]
        keys = set(re.findall(r"`([^`]+)`", text.split("\n#", 1)[0]))
        assert set(event.model_fields) - {"received_at"} <= keys


GUIDE = DOCS / "guides" / "sql.md"
"""Its statements build on each other and have a test of their own."""

STATEMENTS = [
    block for page in sorted(DOCS.rglob("*.md")) for block in blocks(page, "sql") if page != GUIDE
]
GRANTS = [block for block in STATEMENTS if block.text.startswith("GRANT")]


@pytest.mark.parametrize("block", [block for block in STATEMENTS if block not in GRANTS], ids=str)
async def test_sql_in_the_documentation_runs(queue_dsn: str, block: Block) -> None:
    connection = await asyncpg.connect(queue_dsn)
    try:
        await connection.execute(block.text)
    finally:
        await connection.close()


@pytest.fixture
async def role(queue_dsn: str) -> AsyncIterator[str]:
    """A role that has the documented rights and no others."""
    name = f"app_{uuid4().hex}"
    [grants] = GRANTS
    owner = await asyncpg.connect(queue_dsn)
    await owner.execute(f"CREATE ROLE {name}")
    try:
        await owner.execute(grants.text.replace("TO app", f"TO {name}"))
        yield name
    finally:
        await owner.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")
        await owner.close()


async def test_the_documented_rights_are_enough_for_a_worker(queue_dsn: str, role: str) -> None:
    async with asyncpg.create_pool(queue_dsn, server_settings={"role": role}) as pool:
        pgq = PgQueuer.from_asyncpg_pool(pool)
        queries = pgq.qm.queries
        ended = asyncio.Event()

        @pgq.entrypoint("work", concurrency_limit=1)
        async def work(job: Job) -> None:
            if job.attempts == 0:
                raise RetryRequested

        @pgq.schedule("tick", "* * * * * *")
        async def tick(schedule: Schedule) -> None:
            ended.set()

        await queries.enqueue("work", None, dedupe_key="key")
        assert isinstance(queries, Queries)
        await queries.enqueue_many([NewJob(entrypoint="work")])
        async with working(pgq):
            async with asyncio.timeout(PATIENCE):
                await ended.wait()
            await until(nothing_left(queries))
        assert [row.status for row in await queries.log_statistics(None)].count("successful") >= 1
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await queries.clear_queue()


def nothing_left(queries: Queries) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        return await queries.queue_size() == []

    return check
