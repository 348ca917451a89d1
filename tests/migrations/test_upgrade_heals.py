"""What is missing or changed comes back; what is right is left alone."""

from __future__ import annotations

import logging
import re

import asyncpg
import pytest

from pgqueuer.adapters.persistence.schema_catalog import declared_catalog
from pgqueuer.adapters.persistence.schema_plan import Plan, spare_name
from pgqueuer.adapters.persistence.schema_text import TABLES, SchemaText, objects_of_kind
from pgqueuer.domain.errors import SchemaDriftError
from pgqueuer.domain.settings import DBSettings, Durability
from tests.support.schema import Manager, connected_manager, readable, snapshot

TEXT = SchemaText(DBSettings())
INDEXES = {TEXT.index_name(item): item for item in objects_of_kind("index")}
COLUMNS = [
    f"{TEXT.name(table)}.{column}"
    for table, columns in {
        "queue_table": [
            "updated",
            "heartbeat",
            "queue_manager_id",
            "execute_after",
            "dedupe_key",
            "headers",
            "attempts",
            "slot",
            "takeovers",
        ],
        "queue_table_log": ["traceback", "aggregated"],
    }.items()
    for column in columns
]
DAMAGE = {
    **{f"index {name}": f"DROP INDEX {name}" for name in INDEXES},
    **{
        f"column {name}": "ALTER TABLE {} DROP COLUMN {}".format(*name.split("."))
        for name in COLUMNS
    },
    **{f"table {TEXT.name(name)}": f"DROP TABLE {TEXT.name(name)} CASCADE" for name in TABLES},
    "trigger": "DROP TRIGGER tg_pgqueuer_changed ON pgqueuer",
    "function": "DROP FUNCTION fn_pgqueuer_changed CASCADE",
    "constraint": "ALTER TABLE pgqueuer_schedules "
    "DROP CONSTRAINT pgqueuer_schedules_expression_entrypoint_key",
    "function body": "CREATE OR REPLACE FUNCTION fn_pgqueuer_changed() RETURNS trigger "
    "LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    "enqueue function": "DROP FUNCTION pgqueuer_enqueue",
    "enqueue function's body": "CREATE OR REPLACE FUNCTION pgqueuer_enqueue(entrypoint text, "
    "payload bytea DEFAULT NULL, priority int DEFAULT 0, delay interval DEFAULT NULL, "
    "dedupe_key text DEFAULT NULL, headers jsonb DEFAULT NULL, on_conflict text DEFAULT 'raise', "
    "payload_json jsonb DEFAULT NULL) RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint'",
    "enqueue function's parameters": "DROP FUNCTION pgqueuer_enqueue; CREATE FUNCTION "
    "pgqueuer_enqueue(a text, b bytea, c int, d interval, e text, f jsonb, g text, h jsonb) "
    "RETURNS text LANGUAGE sql AS 'SELECT 1::text'",
    "trigger events": "CREATE OR REPLACE TRIGGER tg_pgqueuer_changed AFTER DELETE ON pgqueuer "
    "FOR EACH ROW EXECUTE FUNCTION fn_pgqueuer_changed()",
    "default": "ALTER TABLE pgqueuer ALTER attempts DROP DEFAULT",
    "changed default": "ALTER TABLE pgqueuer_schedules ALTER status SET DEFAULT 'picked'",
    "not null": "ALTER TABLE pgqueuer ALTER attempts DROP NOT NULL",
    "needless not null": "ALTER TABLE pgqueuer ALTER payload SET NOT NULL",
    "narrow id": "ALTER TABLE pgqueuer_log ALTER id TYPE INT",
    "narrow sequence": "ALTER SEQUENCE pgqueuer_id_seq AS INT",
    "other index": "DROP INDEX pgqueuer_ep_ea_idx; "
    "CREATE INDEX pgqueuer_ep_ea_idx ON pgqueuer (execute_after)",
    "not unique": "DROP INDEX pgqueuer_unique_dedupe_key; CREATE INDEX pgqueuer_unique_dedupe_key "
    "ON pgqueuer (dedupe_key) WHERE status IN ('queued', 'picked') AND dedupe_key IS NOT NULL",
    "invalid index": "UPDATE pg_index SET indisvalid = FALSE "
    "WHERE indexrelid = 'pgqueuer_picked_slot_idx'::regclass",
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
async def test_what_is_missing_or_changed_is_seen_and_mended(queue_dsn: str, damage: str) -> None:
    async with connected_manager(queue_dsn) as (manager, connection):
        whole = await snapshot(connection)
        await connection.execute(damage)
        assert {found.remedy for found in await manager.verify()} == {"pgq upgrade"}
        planned = await manager.plan_upgrade()
        assert await manager.apply_upgrade() == planned
        assert readable(await snapshot(connection)) == readable(whole)
        assert await manager.verify() == []
        assert (await manager.plan_upgrade()).statements == ()


@pytest.mark.parametrize("name", [name for name in DAMAGE if not name.startswith("column")][::3])
async def test_names_that_need_quotes_are_mended_too(dsn: str, name: str) -> None:
    settings = DBSettings(prefix="Acme", db_schema="tenant")
    async with connected_manager(dsn, settings) as (manager, connection):
        await manager.install()
        whole = await snapshot(connection, "tenant")
        await connection.execute("SET search_path TO tenant")
        await connection.execute(re.sub(r"\b((fn_|tg_)?pgqueuer\w*)", r'"Acme\1"', DAMAGE[name]))
        await connection.execute("RESET search_path")
        assert {found.remedy for found in await manager.verify()} == {"pgq upgrade"}
        await manager.apply_upgrade()
        assert readable(await snapshot(connection, "tenant")) == readable(whole)
        assert (await manager.plan_upgrade()).statements == ()


@pytest.mark.parametrize("label", declared_catalog().labels)
async def test_a_missing_status_is_added(dsn: str, label: str) -> None:
    others = ", ".join(f"'{other}'" for other in declared_catalog().labels if other != label)
    async with connected_manager(dsn) as (manager, connection):
        await connection.execute(f"CREATE TYPE pgqueuer_status AS ENUM ({others})")
        missing = [found.name for found in await manager.verify() if found.kind == "enum value"]
        assert missing == [f"pgqueuer_status.{label}"]
        await manager.upgrade()
        assert await manager.verify() == []


@pytest.mark.parametrize("index", list(INDEXES)[::4])
@pytest.mark.parametrize("old_is_there", [True, False])
async def test_an_interrupted_rebuild_is_finished(
    queue_dsn: str, index: str, old_is_there: bool
) -> None:
    async with connected_manager(queue_dsn) as (manager, connection):
        whole = await snapshot(connection)
        await connection.execute(f"ALTER INDEX {index} RENAME TO {spare_name(index)}")
        table = TEXT.name(INDEXES[index].table)
        if old_is_there:
            await connection.execute(f"CREATE INDEX {index} ON {table} (entrypoint, id)")
        plan = await manager.apply_upgrade()
        assert not any("CREATE" in statement for statement in plan.statements)
        assert readable(await snapshot(connection)) == readable(whole)


@pytest.mark.parametrize("index_is_right", [True, False])
async def test_a_useless_spare_index_is_dropped(queue_dsn: str, index_is_right: bool) -> None:
    index = "pgqueuer_ep_ea_idx"
    async with connected_manager(queue_dsn) as (manager, connection):
        whole = await snapshot(connection)
        await connection.execute(f"CREATE INDEX {spare_name(index)} ON pgqueuer (id)")
        if not index_is_right:
            await connection.execute(f"DROP INDEX {index}")
        await manager.upgrade()
        assert readable(await snapshot(connection)) == readable(whole)


async def test_statistics_are_folded_before_the_unique_index_is_built(queue_dsn: str) -> None:
    async with connected_manager(queue_dsn) as (manager, connection):
        await connection.execute("DROP INDEX pgqueuer_statistics_unique_count")
        await connection.execute(
            "INSERT INTO pgqueuer_statistics (created, count, priority, status, entrypoint) "
            "SELECT '2025-01-01 12:00:00Z'::timestamptz + n * interval '0.3 s', n, 0, 'queued', "
            "'fetch' FROM generate_series(1, 6) AS n"
        )
        await manager.upgrade()
        counts = "SELECT count FROM pgqueuer_statistics ORDER BY id"
        assert [row["count"] for row in await connection.fetch(counts)] == [1 + 2 + 3, 4 + 5 + 6]


async def test_an_upgrade_with_nothing_to_do_waits_for_nobody(queue_dsn: str) -> None:
    files = "SELECT relname, relfilenode, xmin::text FROM pg_class WHERE relname LIKE 'pgq%'"
    async with (
        connected_manager(queue_dsn) as (manager, connection),
        connected_manager(queue_dsn) as (_, writer),
    ):
        before = await connection.fetch(files)
        await connection.execute("SET lock_timeout = '1ms'")
        async with writer.transaction():
            await writer.execute(
                "INSERT INTO pgqueuer (priority, status, entrypoint) VALUES (0, 'queued', 'x'); "
                "UPDATE pgqueuer_schedules SET updated = now(); DELETE FROM pgqueuer_log; "
                "DELETE FROM pgqueuer_statistics"
            )
            assert await manager.apply_upgrade() == Plan((), ())
        assert await connection.fetch(files) == before


@pytest.mark.parametrize(
    ("change", "table", "column", "installed", "declared"),
    [
        (
            "ALTER TABLE pgqueuer ALTER entrypoint TYPE varchar(9)",
            "pgqueuer",
            "entrypoint",
            "character varying(9)",
            "text",
        ),
        (
            "DROP INDEX pgqueuer_picked_slot_idx; ALTER TABLE pgqueuer ALTER slot TYPE int",
            "pgqueuer",
            "slot",
            "integer",
            "bigint",
        ),
        (
            "DROP INDEX pgqueuer_log_status; ALTER TABLE pgqueuer_log ALTER status TYPE text",
            "pgqueuer_log",
            "status",
            "text",
            "pgqueuer_status",
        ),
        (
            "ALTER TABLE pgqueuer_log ALTER id DROP IDENTITY, ALTER id TYPE int",
            "pgqueuer_log",
            "id",
            "integer",
            "bigint",
        ),
    ],
)
async def test_a_type_that_nothing_converts_stops_the_upgrade_at_once(
    queue_dsn: str, change: str, table: str, column: str, installed: str, declared: str
) -> None:
    async with connected_manager(queue_dsn) as (manager, connection):
        await connection.execute("DROP INDEX pgqueuer_ep_ea_idx; " + change)
        before = await snapshot(connection)
        with pytest.raises(SchemaDriftError) as drift:
            await manager.plan_upgrade()
        with pytest.raises(SchemaDriftError):
            await manager.apply_upgrade()
        error = drift.value
        assert (error.table, error.column) == (table, column)
        assert (error.installed, error.declared) == (installed, declared)
        assert await snapshot(connection) == before
        [found] = [each for each in await manager.verify() if each.kind == "column"]
        assert found.name == f"{table}.{column}"
        assert "by hand" in found.remedy


async def test_durability_is_noted_and_not_changed(
    dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with connected_manager(dsn, DBSettings(durability=Durability.balanced)) as (
        installer,
        connection,
    ):
        await installer.install()
        before = await snapshot(connection)
        manager = Manager(installer.driver)
        with caplog.at_level(logging.WARNING, logger="pgqueuer"):
            plan = await manager.apply_upgrade()
        assert plan.statements == ()
        assert len(plan.notes) == 2
        assert all("pgq durability durable" in note for note in plan.notes)
        assert [record.getMessage() for record in caplog.records] == list(plan.notes)
        assert await snapshot(connection) == before
        assert await manager.verify() == []


async def test_a_table_that_an_upgrade_adds_has_the_durability_of_the_settings(dsn: str) -> None:
    settings = DBSettings(durability=Durability.volatile)
    async with connected_manager(dsn, settings) as (manager, connection):
        await manager.upgrade()
        relations = (await snapshot(connection))["relations"]
        tables = {name: kind for name, kind in relations.items() if str(kind).startswith("r")}
        assert tables.pop("pgqueuer_pauses") == "rp"
        assert set(tables.values()) == {"ru"}


async def test_narrow_ids_stay_when_the_settings_say_so(queue_dsn: str) -> None:
    settings = DBSettings(widen_id=False)
    async with connected_manager(queue_dsn, settings) as (manager, connection):
        await connection.execute("ALTER TABLE pgqueuer ALTER id TYPE int")
        await connection.execute("ALTER SEQUENCE pgqueuer_id_seq AS int")
        plan = await manager.plan_upgrade()
        assert plan.statements == ()
        assert len(plan.notes) == 2
        assert all("widen-id" in note for note in plan.notes)
        assert await manager.verify() == []


async def test_what_only_the_owner_can_mend_is_noted(queue_dsn: str) -> None:
    async with connected_manager(queue_dsn) as (manager, connection):
        await connection.execute(
            "ALTER TABLE pgqueuer DROP CONSTRAINT pgqueuer_pkey; "
            "ALTER TABLE pgqueuer_log ALTER id DROP IDENTITY; "
            "ALTER TABLE pgqueuer DISABLE TRIGGER tg_pgqueuer_changed"
        )
        plan = await manager.plan_upgrade()
        assert plan.statements == ()
        assert len(plan.notes) == 3
        remedies = [found.remedy for found in await manager.verify()]
        assert len(remedies) == 3
        assert "pgq upgrade" not in remedies


async def test_objects_and_defaults_of_the_owner_are_left_alone(queue_dsn: str) -> None:
    async with connected_manager(queue_dsn) as (manager, connection):
        await connection.execute(
            "ALTER TABLE pgqueuer ADD COLUMN mine int, ALTER priority SET DEFAULT 5; "
            "CREATE INDEX mine ON pgqueuer (mine); "
            "ALTER INDEX pgqueuer_ep_ea_idx SET (fillfactor = 50); "
            "CREATE TYPE pgqueuer_statistics_status AS ENUM ('mine'); "
            "CREATE TABLE my_counts (status pgqueuer_statistics_status)"
        )
        before = await snapshot(connection)
        assert await manager.apply_upgrade() == Plan((), ())
        assert await snapshot(connection) == before
        assert await manager.verify() == []


async def test_a_rewrite_and_a_rebuild_are_announced(queue_dsn: str) -> None:
    async with connected_manager(queue_dsn) as (manager, connection):
        await connection.execute(DAMAGE["narrow id"] + "; " + DAMAGE["other index"])
        plan = await manager.plan_upgrade()
        assert len(plan.notes) == 2
        assert "pgqueuer_log is rewritten" in plan.notes[0]
        assert "pgqueuer_ep_ea_idx is built anew" in plan.notes[1]


async def test_connections_that_see_different_schemas_end_the_upgrade(queue_dsn: str) -> None:
    async with connected_manager(queue_dsn) as (manager, connection):

        class Fickle(type(manager.driver)):
            async def execute(self, query: str, *args: object) -> str:
                path = "SET LOCAL search_path TO pg_catalog; "
                return await super().execute(path + query, *args)

        await connection.execute("DROP INDEX pgqueuer_ep_ea_idx")
        with pytest.raises(RuntimeError, match="search_path"):
            await Manager(Fickle(connection)).upgrade()


async def test_an_error_of_the_database_is_not_hidden(queue_dsn: str) -> None:
    async with connected_manager(queue_dsn) as (manager, connection):
        await connection.execute(
            "DROP INDEX pgqueuer_unique_dedupe_key; "
            "INSERT INTO pgqueuer (priority, status, entrypoint, dedupe_key) "
            "VALUES (0, 'queued', 'x', 'same'), (0, 'queued', 'x', 'same')"
        )
        with pytest.raises(asyncpg.UniqueViolationError):
            await manager.upgrade()
