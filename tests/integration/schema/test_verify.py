"""What `verify` finds, and what it says about it."""

from __future__ import annotations

import pytest

from pgqueuer.adapters.persistence.schema_verify import Divergence
from pgqueuer.domain.settings import DBSettings
from tests.support.schema import Manager, connected_manager

FINDINGS = {
    "DROP TABLE pgqueuer_schedules": ("missing", "table", "pgqueuer_schedules"),
    "DROP INDEX pgqueuer_suspect_idx": ("missing", "index", "pgqueuer_suspect_idx"),
    "DROP TRIGGER tg_pgqueuer_changed ON pgqueuer": ("missing", "trigger", "tg_pgqueuer_changed"),
    "ALTER TABLE pgqueuer DROP COLUMN headers": ("missing", "column", "pgqueuer.headers"),
    "ALTER TABLE pgqueuer ALTER payload SET NOT NULL": ("different", "column", "pgqueuer.payload"),
    "ALTER TABLE pgqueuer ALTER created DROP DEFAULT": ("different", "column", "pgqueuer.created"),
    "ALTER TABLE pgqueuer_log ALTER entrypoint TYPE varchar": (
        "different",
        "column",
        "pgqueuer_log.entrypoint",
    ),
    "ALTER TABLE pgqueuer_log ALTER id DROP IDENTITY": ("different", "column", "pgqueuer_log.id"),
    "ALTER TABLE pgqueuer_log DROP CONSTRAINT pgqueuer_log_pkey": (
        "missing",
        "constraint",
        "pgqueuer_log PRIMARY KEY (id)",
    ),
    "DROP INDEX pgqueuer_log_created; CREATE INDEX pgqueuer_log_created ON pgqueuer_log (id)": (
        "different",
        "index",
        "pgqueuer_log_created",
    ),
    "ALTER TYPE pgqueuer_status RENAME VALUE 'successful' TO 'broken'": (
        "missing",
        "enum value",
        "pgqueuer_status.successful",
    ),
    "CREATE OR REPLACE FUNCTION fn_pgqueuer_changed() RETURNS trigger LANGUAGE plpgsql "
    "AS 'BEGIN RETURN OLD; END'": ("different", "function", "fn_pgqueuer_changed"),
    "DROP FUNCTION pgqueuer_enqueue": ("missing", "function", "pgqueuer_enqueue"),
    "ALTER TABLE pgqueuer DISABLE TRIGGER tg_pgqueuer_changed": (
        "disabled",
        "trigger",
        "tg_pgqueuer_changed",
    ),
    "CREATE OR REPLACE TRIGGER tg_pgqueuer_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE "
    "ON pgqueuer EXECUTE FUNCTION fn_pgqueuer_changed()": (
        "different",
        "trigger",
        "tg_pgqueuer_changed",
    ),
}


@pytest.mark.parametrize(("change", "finding"), FINDINGS.items())
async def test_each_change_is_one_divergence(
    queue_dsn: str, change: str, finding: tuple[str, str, str]
) -> None:
    async with connected_manager(queue_dsn) as (manager, connection):
        await connection.execute(change)
        [found] = await manager.verify()
        assert (found.problem, found.kind, found.name) == finding


async def test_an_empty_database_lacks_the_large_objects_and_has_to_be_installed(dsn: str) -> None:
    async with connected_manager(dsn) as (manager, _):
        found = await manager.verify()
        kinds = [(each.problem, each.kind) for each in found]
        assert kinds == [
            *[("missing", "table")] * 5,
            ("missing", "enum"),
            ("missing", "function"),
            ("missing", "function"),
            ("missing", "trigger"),
        ]
        assert {each.remedy for each in found} == {"pgq install"}
        assert await manager.verify(expect="absent") == []


async def test_what_a_partial_uninstall_left_is_unexpected(queue_dsn: str) -> None:
    async with connected_manager(queue_dsn) as (manager, connection):
        await connection.execute("DROP TABLE pgqueuer, pgqueuer_log")
        found = await manager.verify(expect="absent")
        assert [(each.kind, each.name) for each in found] == [
            ("table", "pgqueuer_statistics"),
            ("table", "pgqueuer_schedules"),
            ("table", "pgqueuer_pauses"),
            ("function", "fn_pgqueuer_changed"),
            ("function", "pgqueuer_enqueue"),
            ("enum", "pgqueuer_status"),
        ]
        assert {(each.problem, each.remedy) for each in found} == {("unexpected", "pgq uninstall")}


async def test_another_channel_is_another_function(queue_dsn: str) -> None:
    async with connected_manager(queue_dsn) as (manager, _):
        renamed = Manager(manager.driver, DBSettings(channel="other"))
        [found] = await renamed.verify()
        assert (found.problem, found.kind) == ("different", "function")
        await renamed.upgrade()
        assert await renamed.verify() == []


def test_a_divergence_is_one_line_that_ends_with_what_to_run() -> None:
    found = Divergence(kind="table", name="jobs", problem="missing", remedy="pgq install")
    assert str(found) == "missing table 'jobs'; run: pgq install"
