"""Names and connection settings, from keywords and the environment."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from pgqueuer.domain.settings import (
    ConnectionSettings,
    DBSettings,
    Durability,
    DurabilityPolicy,
    add_prefix,
    db_settings,
    prefixed_default,
)

NAMES = {
    "channel": "ch_pgqueuer",
    "function": "fn_pgqueuer_changed",
    "statistics_table": "pgqueuer_statistics",
    "queue_status_type": "pgqueuer_status",
    "queue_table": "pgqueuer",
    "queue_table_log": "pgqueuer_log",
    "trigger": "tg_pgqueuer_changed",
    "schedules_table": "pgqueuer_schedules",
}
TABLES = ["queue_table", "queue_table_log", "statistics_table", "schedules_table"]
QUALIFIED = [*TABLES, "function", "queue_status_type"]


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name.upper(), raising=False)
    db_settings.cache_clear()


def test_defaults() -> None:
    settings = DBSettings()
    assert {name: getattr(settings, name) for name in NAMES} == NAMES
    assert (settings.prefix, settings.db_schema) == ("", None)
    assert settings.durability is Durability.durable
    assert settings.widen_id is True
    assert settings.legacy_statistics_status_type == "pgqueuer_statistics_status"


def test_a_prefix_stands_before_every_name_and_keeps_its_case() -> None:
    settings = DBSettings(prefix="Acme_")
    for name, usual in NAMES.items():
        assert getattr(settings, name) == f"Acme_{usual}"
        assert prefixed_default(name, "Acme_") == f"Acme_{usual}"
    assert settings.legacy_statistics_status_type == "Acme_pgqueuer_statistics_status"


@pytest.mark.parametrize("name", NAMES)
def test_a_name_comes_from_its_keyword_then_the_environment_then_the_prefix(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGQUEUER_PREFIX", "acme_")
    assert getattr(DBSettings(), name) == f"acme_{NAMES[name]}"
    monkeypatch.setenv(name.upper(), "bare")
    assert getattr(DBSettings(), name) == "bare"
    monkeypatch.setenv(f"PGQUEUER_{name.upper()}", "prefixed")
    assert getattr(DBSettings(), name) == "prefixed"
    assert getattr(DBSettings(**{name: "keyword"}), name) == "keyword"
    assert getattr(DBSettings(**{f"PGQUEUER_{name.upper()}": "alias"}), name) == "alias"


def test_names_of_the_environment_are_case_insensitive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("pgqueuer_Queue_Table", "jobs")
    monkeypatch.setenv("Pgqueuer_Schema", "tenant")
    assert DBSettings().queue_table == "jobs"
    assert DBSettings().db_schema == "tenant"


def test_a_keyword_beats_the_environment_even_when_it_is_empty(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PGQUEUER_PREFIX", "acme_")
    monkeypatch.setenv("PGQUEUER_SCHEMA", "tenant")
    settings = DBSettings(prefix="", db_schema=None)
    assert (settings.queue_table, settings.db_schema) == ("pgqueuer", None)


def test_the_other_settings_come_from_the_environment_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PGQUEUER_DURABILITY", "balanced")
    monkeypatch.setenv("PGQUEUER_WIDEN_ID", "false")
    monkeypatch.setenv("PGQUEUER_MAX_PAYLOAD_BYTES", "10")
    settings = DBSettings()
    assert settings.durability is Durability.balanced
    assert settings.widen_id is False
    assert settings.max_payload_bytes == 10


def test_unknown_keywords_are_ignored() -> None:
    assert DBSettings(statistics_table_status_type="x") == DBSettings()
    assert not hasattr(DBSettings(), "statistics_table_status_type")


def test_a_schema_qualifies_what_lives_in_one() -> None:
    settings = DBSettings(db_schema="Tenant")
    assert settings.db_schema == "tenant"
    for name in QUALIFIED:
        assert getattr(settings.qualified, name) == f"tenant.{NAMES[name]}"
        assert getattr(settings, name) == NAMES[name]
    assert settings.qualify("x") == "tenant.x"
    assert settings.schema_expr == "'tenant'"


def test_without_a_schema_the_connection_decides() -> None:
    settings = DBSettings()
    assert settings.qualified.queue_table == "pgqueuer"
    assert settings.qualify("x") == "x"
    assert settings.schema_expr == "current_schema()"


@pytest.mark.parametrize("schema", ["", None])
def test_an_empty_schema_is_none(schema: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert DBSettings(db_schema=schema).db_schema is None
    monkeypatch.setenv("PGQUEUER_SCHEMA", "")
    assert DBSettings().db_schema is None


@pytest.mark.parametrize("value", ["1a", "a-b", "a b", 'a"b', "a.b", "ä", "a;"])
def test_a_prefix_or_a_schema_that_is_no_identifier_is_refused_with_the_rule(value: str) -> None:
    for field in ("prefix", "db_schema"):
        with pytest.raises(ValidationError, match="letters, digits and underscores"):
            DBSettings(**{field: value})


@pytest.mark.parametrize("name", QUALIFIED)
def test_names_may_have_a_dot_unless_a_schema_is_set(name: str) -> None:
    assert getattr(DBSettings(**{name: "tenant.Mine"}).qualified, name) == "tenant.Mine"
    with pytest.raises(ValidationError, match="schema qualifier"):
        DBSettings(**{name: "tenant.mine", "db_schema": "tenant"})


@pytest.mark.parametrize("name", QUALIFIED)
@pytest.mark.parametrize("value", ["a b", "a.", ".a", "a..b", "1a", 'a"', "a-b", "a" * 64])
def test_names_that_are_no_identifiers_are_refused(name: str, value: str) -> None:
    with pytest.raises(ValidationError):
        DBSettings(**{name: value})


@pytest.mark.parametrize("channel", ["Jobs.new-ones", "1st", "_", "c" * 63])
def test_a_channel_may_be_what_notify_takes(channel: str) -> None:
    assert DBSettings(channel=channel).channel == channel


@pytest.mark.parametrize("channel", ["", "-a", ".a", "a b", "a'b", "c" * 64])
def test_other_channels_are_refused(channel: str) -> None:
    with pytest.raises(ValidationError):
        DBSettings(channel=channel)


@pytest.mark.parametrize("table", ["queue_table", "queue_table_log", "statistics_table"])
def test_a_table_name_leaves_room_for_the_names_of_its_indexes(table: str) -> None:
    longest = 63 - len("_picked_heartbeat_idx")
    assert len(getattr(DBSettings(**{table: "t" * longest}), table)) == longest
    with pytest.raises(ValidationError, match=f"at most {longest} characters"):
        DBSettings(**{table: "t" * (longest + 1)})


def test_a_prefix_that_makes_a_name_too_long_is_refused() -> None:
    assert DBSettings(prefix="p" * 23).statistics_table.startswith("p" * 23)
    with pytest.raises(ValidationError, match="no room"):
        DBSettings(prefix="p" * 24)


@pytest.mark.parametrize(
    ("level", "policy"),
    [
        (Durability.volatile, DurabilityPolicy(*["UNLOGGED"] * 4)),
        (Durability.balanced, DurabilityPolicy("", "UNLOGGED", "UNLOGGED", "")),
        (Durability.durable, DurabilityPolicy("", "", "", "")),
    ],
)
def test_what_each_level_of_durability_means(level: Durability, policy: DurabilityPolicy) -> None:
    assert level.config == policy


def test_the_settings_of_the_process_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    first = db_settings()
    monkeypatch.setenv("PGQUEUER_PREFIX", "acme_")
    assert db_settings() is first
    db_settings.cache_clear()
    assert db_settings().queue_table == "acme_pgqueuer"


def test_how_to_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = ConnectionSettings()
    assert (plain.dsn, plain.pool_min_size, plain.pool_max_size) == (None, 1, 5)
    assert (plain.connect_timeout, plain.application_name) == (None, None)
    monkeypatch.setenv("PGDSN", "postgresql://old")
    assert ConnectionSettings().dsn == "postgresql://old"
    monkeypatch.setenv("PGQUEUER_DSN", "postgresql://new")
    monkeypatch.setenv("PGQUEUER_POOL_MIN_SIZE", "0")
    monkeypatch.setenv("PGQUEUER_POOL_MAX_SIZE", "2")
    monkeypatch.setenv("PGQUEUER_CONNECT_TIMEOUT", "1.5")
    monkeypatch.setenv("PGQUEUER_APPLICATION_NAME", "worker")
    full = ConnectionSettings()
    assert (full.dsn, full.pool_min_size, full.pool_max_size) == ("postgresql://new", 0, 2)
    assert (full.connect_timeout, full.application_name) == (1.5, "worker")
    assert ConnectionSettings(dsn="postgresql://own").dsn == "postgresql://own"


@pytest.mark.parametrize(
    "wrong",
    [{"pool_min_size": -1}, {"pool_max_size": 0}, {"connect_timeout": 0}, {"connect_timeout": "x"}],
)
def test_connection_settings_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ConnectionSettings(**wrong)


def test_add_prefix_is_deprecated_and_still_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGQUEUER_PREFIX", "acme_")
    with pytest.warns(DeprecationWarning, match="db_settings"):
        assert add_prefix("jobs") == "acme_jobs"


@pytest.mark.parametrize("name", ["log_retention", "statistics_retention"])
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("30d", timedelta(days=30)),
        ("P7D", timedelta(days=7)),
        ("12:00:00", timedelta(hours=12)),
        ("3600", timedelta(hours=1)),
        (timedelta(minutes=1), timedelta(minutes=1)),
        (90.5, timedelta(seconds=90.5)),
        ("0", None),
        (0, None),
        ("none", None),
        ("Never", None),
        ("", None),
        (None, None),
    ],
)
def test_a_retention_is_a_length_of_time_or_for_ever(
    name: str, given: object, expected: timedelta | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert getattr(DBSettings.model_validate({name: given}), name) == expected
    if isinstance(given, str):
        monkeypatch.setenv(f"PGQUEUER_{name.upper()}", given)
        assert getattr(DBSettings(), name) == expected


@pytest.mark.parametrize("given", ["30", "-1", "36501d", timedelta(seconds=59), True])
def test_a_retention_out_of_range_is_refused(given: object) -> None:
    with pytest.raises(ValidationError, match="from 1 minute to 36500 days, or 0"):
        DBSettings.model_validate({"log_retention": given})


@pytest.mark.parametrize("given", ["1h", "a month", "nan", "inf", [30]])
def test_a_retention_that_is_no_length_of_time_says_how_to_write_one(given: object) -> None:
    with pytest.raises(ValidationError, match=r"days \(30d\)"):
        DBSettings.model_validate({"log_retention": given})


def test_the_table_of_pauses_is_called_after_the_queue_table(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert DBSettings().pauses_table == "pgqueuer_pauses"
    assert DBSettings(prefix="Acme_").pauses_table == "Acme_pgqueuer_pauses"
    assert DBSettings(queue_table="tenant.Jobs").qualified.pauses_table == "tenant.Jobs_pauses"
    assert DBSettings(pauses_table="held").pauses_table == "held"
    monkeypatch.setenv("QUEUE_TABLE", "work")
    assert DBSettings().pauses_table == "work_pauses"
    monkeypatch.setenv("PGQUEUER_PAUSES_TABLE", "held")
    assert DBSettings().pauses_table == "held"
    with pytest.raises(ValidationError, match="name of its own"):
        DBSettings(pauses_table="pgqueuer_log")
