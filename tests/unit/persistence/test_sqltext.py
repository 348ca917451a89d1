"""SQL from files: markers, quoting, and what a file may look like."""

from __future__ import annotations

import pytest

from pgqueuer.adapters.persistence.sqltext import (
    Statements,
    quote_identifier,
    quote_literal,
    read_sql,
    render,
    sql_names,
)
from pgqueuer.domain.settings import DBSettings

NAMES = {"queue_table": "tenant.Jobs", "queue_table_name": "Jobs", "channel": "it's"}


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ('FROM :"queue_table"', 'FROM "tenant"."Jobs"'),
        (':"queue_table_name__ep_prio_id_idx"', '"Jobs_ep_prio_id_idx"'),
        ("notify(:'channel')", "notify('it''s')"),
        (':"queue_table":"queue_table"', '"tenant"."Jobs""tenant"."Jobs"'),
        ("a::text, $1::text[], '12:30', tgenabled = 'D'::\"char\"",) * 2,
        ("x := 1; SELECT a[1:2]",) * 2,
    ],
)
def test_markers_are_filled_in_and_nothing_else_is_touched(text: str, rendered: str) -> None:
    assert render(text, NAMES) == rendered


@pytest.mark.parametrize("marker", [':"jobs"', ":'jobs'", ':"jobs__idx"', ':"queue_table_nam"'])
def test_an_unknown_marker_is_an_error_that_names_it(marker: str) -> None:
    with pytest.raises(LookupError, match=marker):
        render(f"SELECT {marker}", NAMES)


def test_quotes_inside_of_names_and_literals_are_doubled() -> None:
    assert quote_identifier('a"b.C') == '"a""b"."C"'
    assert quote_literal("it's \\n") == "'it''s \\n'"


def test_names_of_an_installation_with_a_schema() -> None:
    names = sql_names(DBSettings(prefix="Acme_", db_schema="tenant"))
    assert names["queue_table"] == "tenant.Acme_pgqueuer"
    assert names["queue_table_name"] == "Acme_pgqueuer"
    assert names["queue_table_regclass"] == '"tenant"."Acme_pgqueuer"'
    assert names["channel"] == "Acme_ch_pgqueuer"
    assert names["trigger"] == "Acme_tg_pgqueuer_changed"
    assert names["schema"] == "tenant"


def test_names_of_tables_that_name_their_schema_themselves() -> None:
    names = sql_names(DBSettings(queue_table="tenant.Jobs"))
    assert names["queue_table"] == "tenant.Jobs"
    assert names["queue_table_name"] == "Jobs"
    assert names["queue_table_log"] == "pgqueuer_log"
    assert "schema" not in names


def test_a_file_is_read_without_its_comment_and_its_semicolon() -> None:
    text = read_sql("ddl", "read_committed")
    assert text == "SET TRANSACTION ISOLATION LEVEL READ COMMITTED"


def test_a_missing_file_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        Statements(DBSettings())["no_such_statement"]


def test_a_statement_is_rendered_once() -> None:
    statements = Statements(DBSettings(prefix="acme_"))
    assert "acme_pgqueuer" in statements["claim"]
    assert statements["claim"] is statements["claim"]
