"""DDL as text: what people put into migrations of their own."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.metadata import version

import pytest

from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment
from pgqueuer.adapters.persistence.schema_ddl import (
    advisory_key,
    provenance,
    render_autovac,
    render_durability,
    render_install,
    render_uninstall,
    render_upgrade,
)
from pgqueuer.adapters.persistence.schema_text import (
    SchemaText,
    fill_keywords,
    objects_of_kind,
    schema_objects,
)
from pgqueuer.domain.settings import DBSettings, Durability

SCRIPTS: dict[str, Callable[[DBSettings], str]] = {
    "install": render_install,
    "uninstall": render_uninstall,
    "upgrade": render_upgrade,
    "durability": lambda settings: render_durability(settings, Durability.balanced),
    "autovac": render_autovac,
    "autovac --rollback": lambda settings: render_autovac(settings, rollback=True),
}
EVERYTHING = 1 + 5 + 11 + 2 + 1


@pytest.mark.parametrize("render", SCRIPTS.values(), ids=SCRIPTS.keys())
@pytest.mark.parametrize("settings", [DBSettings(), DBSettings(prefix="Acme", db_schema="tenant")])
def test_a_script_has_a_blank_line_between_statements_that_begin_in_the_first_column(
    render: Callable[[DBSettings], str], settings: DBSettings
) -> None:
    text = render(settings)
    assert text == render(settings)
    assert text.endswith(";")
    assert "\n\n\n" not in text
    for statement in text.split("\n\n"):
        body = "\n".join(line for line in statement.splitlines() if not line.startswith("--"))
        assert re.match(r"(CREATE|ALTER|DROP|DO) ", body)
        assert body.endswith(";")


@pytest.mark.parametrize("render", SCRIPTS.values(), ids=SCRIPTS.keys())
def test_no_script_has_what_a_text_with_bind_parameters_would_take_for_one(
    render: Callable[[DBSettings], str],
) -> None:
    assert not re.search(r"(?<!:):\w", render(DBSettings()))


def test_the_first_line_of_an_installation_says_where_it_comes_from() -> None:
    settings = DBSettings(prefix="acme_", durability=Durability.balanced)
    first = render_install(settings).splitlines()[0]
    assert first == provenance(settings)
    assert first == (
        f"-- pgqueuer {version('pgqueuer')} -- prefix='acme_' schema=None durability=balanced"
    )
    assert " schema='tenant' " in provenance(DBSettings(db_schema="tenant"))


def test_an_installation_has_every_object_and_the_schema_where_one_is_named() -> None:
    settings = DBSettings(db_schema="tenant")
    assert len(schema_objects()) == EVERYTHING
    assert render_install(DBSettings()).count(";\n\n") + 1 == EVERYTHING
    assert render_install(settings).count(";\n\n") + 1 == EVERYTHING + 1
    assert 'CREATE SCHEMA IF NOT EXISTS "tenant"' in render_install(settings)
    assert "CREATE SCHEMA" not in render_install(settings, create_schema=False)
    assert "CREATE SCHEMA" not in render_install(DBSettings())


@pytest.mark.parametrize(
    ("level", "unlogged"), [(Durability.volatile, 4), (Durability.balanced, 2)]
)
def test_durability_shows_in_every_script_that_creates_tables(
    level: Durability, unlogged: int
) -> None:
    settings = DBSettings(durability=level)
    assert render_install(settings).count("CREATE UNLOGGED TABLE") == unlogged
    assert render_upgrade(settings).count("CREATE UNLOGGED TABLE IF NOT EXISTS") == unlogged
    assert "UNLOGGED" not in render_install(DBSettings())


@pytest.mark.parametrize("level", Durability)
def test_durability_is_set_for_all_tables_whatever_the_settings_say(level: Durability) -> None:
    text = render_durability(DBSettings(durability=Durability.volatile), level)
    unlogged = {Durability.volatile: 4, Durability.balanced: 2, Durability.durable: 0}[level]
    assert text.count("SET UNLOGGED") == unlogged
    assert text.count("SET LOGGED") == 5 - unlogged


def test_ids_are_widened_unless_the_settings_say_otherwise() -> None:
    assert render_upgrade(DBSettings()).count("TYPE BIGINT") == 4
    assert "TYPE BIGINT" not in render_upgrade(DBSettings(widen_id=False))


def test_the_query_builder_has_the_same_text_without_the_header() -> None:
    settings = DBSettings(db_schema="tenant")
    builder = QueryBuilderEnvironment(settings)
    header = provenance(settings)
    assert f"{header}\n{builder.build_install_query()}" == render_install(settings)
    without_schema = builder.build_install_query(create_schema=False)
    assert f"{header}\n{without_schema}" == render_install(settings, create_schema=False)
    assert builder.build_uninstall_query() == render_uninstall(settings)
    assert builder.build_alter_durability_query() == render_durability(
        settings, settings.durability
    )
    assert builder.build_optimize_autovacuum_query() == render_autovac(settings)
    assert builder.build_optimize_autovacuum_rollback_query() == render_autovac(settings, True)


def test_the_advisory_key_is_that_of_older_releases() -> None:
    assert advisory_key(DBSettings()) == 0x8E6CAF31
    assert advisory_key(DBSettings(db_schema="tenant")) != advisory_key(DBSettings())


def test_a_bare_marker_is_a_keyword_and_takes_its_blank_along() -> None:
    assert fill_keywords("CREATE :persistence TABLE", {"persistence": ""}) == "CREATE TABLE"
    assert fill_keywords("a :b c::text", {"b": "B"}) == "a B c::text"
    with pytest.raises(LookupError, match=":persistence"):
        fill_keywords("CREATE :persistence TABLE", {})


def test_an_index_can_be_built_under_another_name() -> None:
    text = SchemaText(DBSettings(prefix="Acme", db_schema="tenant"))
    for item in objects_of_kind("index"):
        own, other = text.create(item), text.create_index_as(item, "spare")
        assert other != own
        assert other == own.replace(f'"{text.index_name(item)}"', '"spare"')
