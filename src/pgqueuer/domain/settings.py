"""Names of the database objects and how to connect, from arguments and the environment.

The environment is read when a settings object is built, never at import. pydantic alone does it:
pydantic-settings would add 90 ms and 14 MB to every worker.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache, cached_property
from typing import Annotated, Self, TypeGuard

from pydantic import AfterValidator, AliasChoices, BaseModel, ConfigDict, Field, model_validator

from pgqueuer.domain.retention import DAY, RetentionPeriod

IDENTIFIER_BYTES = 63
"""PostgreSQL cuts longer identifiers off, so that two names could become one."""

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CHANNEL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


def _short_enough(value: str) -> str:
    if len(value.encode()) > IDENTIFIER_BYTES:
        raise ValueError(f"{value!r} is longer than {IDENTIFIER_BYTES} bytes; use a shorter name")
    return value


def _identifier(value: str) -> str:
    if not _IDENTIFIER.fullmatch(value):
        raise ValueError(
            f"{value!r} is not an identifier: use letters, digits and underscores, "
            "and do not begin with a digit"
        )
    return _short_enough(value)


def _prefix(value: str) -> str:
    return _identifier(value) if value else value


def _schema(value: str) -> str:
    return _identifier(value).lower()


def _object_name(value: str) -> str:
    for part in value.split("."):
        _identifier(part)
    return value


def _channel(value: str) -> str:
    if not _CHANNEL.fullmatch(value):
        raise ValueError(
            f"{value!r} is not a channel name: use letters, digits, underscores, dots and "
            "hyphens, and begin with a letter, a digit or an underscore"
        )
    return _short_enough(value)


IdentifierPrefix = Annotated[str, AfterValidator(_prefix)]
SchemaName = Annotated[str, AfterValidator(_schema)]
ObjectName = Annotated[str, AfterValidator(_object_name)]
TriggerName = Annotated[str, AfterValidator(_identifier)]
ChannelName = Annotated[str, AfterValidator(_channel)]


@dataclass(frozen=True, slots=True)
class DurabilityPolicy:
    """The persistence keyword of each table: empty (logged) or UNLOGGED."""

    queue_table: str
    queue_log_table: str
    statistics_table: str
    schedules_table: str


class Durability(Enum):
    """What a crash of the server may cost: everything, history, nothing."""

    volatile = "volatile"
    balanced = "balanced"
    durable = "durable"

    @property
    def config(self) -> DurabilityPolicy:
        """The keyword for each table."""
        jobs = "UNLOGGED" if self is Durability.volatile else ""
        history = "" if self is Durability.durable else "UNLOGGED"
        return DurabilityPolicy(jobs, history, history, jobs)


@dataclass(frozen=True, slots=True)
class QualifiedNames:
    """Object names with the schema in front where one is set; not quoted."""

    queue_table: str
    queue_table_log: str
    statistics_table: str
    schedules_table: str
    function: str
    queue_status_type: str
    pauses_table: str


def name_env_alias(field: str) -> AliasChoices:
    """The environment names of a field: PGQUEUER_<FIELD>, then the bare one of old releases."""
    return AliasChoices(f"PGQUEUER_{field.upper()}", field.upper())


class _EnvironmentModel(BaseModel):
    """Fills fields that were not given from the environment; names there are case-insensitive."""

    model_config = ConfigDict(
        extra="ignore",
        validate_default=True,
        populate_by_name=True,
        ignored_types=(cached_property,),
    )

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, given: object) -> object:
        return cls._with_defaults(cls._with_environment(given)) if _is_fields(given) else given

    @classmethod
    def _with_environment(cls, given: Mapping[str, object]) -> dict[str, object]:
        environment = {name.upper(): value for name, value in os.environ.items()}
        values = dict(given)
        for field, info in cls.model_fields.items():
            names = list(_environment_names(info.validation_alias))
            if field in values or any(name in values for name in names):
                continue
            found = next((name for name in names if name in environment), None)
            if found is not None:
                values[field] = environment[found]
        return values

    @classmethod
    def _with_defaults(cls, values: dict[str, object]) -> dict[str, object]:
        """Override it for defaults that follow from other values."""
        return values


def _is_fields(value: object) -> TypeGuard[Mapping[str, object]]:
    return isinstance(value, Mapping)


def _environment_names(alias: object) -> Iterator[str]:
    if isinstance(alias, AliasChoices):
        yield from (choice for choice in alias.choices if isinstance(choice, str))
    elif isinstance(alias, str):
        yield alias


_PREFIXED = {
    "channel": "ch_pgqueuer",
    "function": "fn_pgqueuer_changed",
    "statistics_table": "pgqueuer_statistics",
    "queue_status_type": "pgqueuer_status",
    "queue_table": "pgqueuer",
    "queue_table_log": "pgqueuer_log",
    "trigger": "tg_pgqueuer_changed",
    "schedules_table": "pgqueuer_schedules",
}
_QUEUE_TABLE_NAMES = ("queue_table", "PGQUEUER_QUEUE_TABLE", "QUEUE_TABLE")
_QUALIFIED = tuple(QualifiedNames.__dataclass_fields__)
LONGEST_INDEX_SUFFIX = len("_picked_heartbeat_idx")


def prefixed_default(field: str, prefix: str) -> str:
    """The name that `field` has when only a prefix is given."""
    return prefix + _PREFIXED[field]


class DBSettings(_EnvironmentModel):
    """Names of everything that the queue owns in the database, and what all of its users share.

    Each name comes from its keyword, else PGQUEUER_<FIELD>, else <FIELD>, else `prefix` and the
    usual name. Names are taken literally, upper case included. Raises ValidationError for names
    that PostgreSQL would not keep as they are.
    """

    prefix: IdentifierPrefix = Field(default="", validation_alias="PGQUEUER_PREFIX")
    db_schema: SchemaName | None = Field(default=None, validation_alias="PGQUEUER_SCHEMA")
    channel: ChannelName = Field(default="", validation_alias=name_env_alias("channel"))
    function: ObjectName = Field(default="", validation_alias=name_env_alias("function"))
    statistics_table: ObjectName = Field(
        default="", validation_alias=name_env_alias("statistics_table")
    )
    queue_status_type: ObjectName = Field(
        default="", validation_alias=name_env_alias("queue_status_type")
    )
    queue_table: ObjectName = Field(default="", validation_alias=name_env_alias("queue_table"))
    queue_table_log: ObjectName = Field(
        default="", validation_alias=name_env_alias("queue_table_log")
    )
    trigger: TriggerName = Field(default="", validation_alias=name_env_alias("trigger"))
    schedules_table: ObjectName = Field(
        default="", validation_alias=name_env_alias("schedules_table")
    )
    durability: Durability = Field(
        default=Durability.durable, validation_alias=name_env_alias("durability")
    )
    widen_id: bool = Field(default=True, validation_alias=name_env_alias("widen_id"))
    max_payload_bytes: int = Field(
        default=64 * 1024 * 1024, ge=1, validation_alias="PGQUEUER_MAX_PAYLOAD_BYTES"
    )
    statement_timeout: float = Field(
        default=30.0, ge=0, validation_alias="PGQUEUER_STATEMENT_TIMEOUT"
    )
    log_claims: bool = Field(default=True, validation_alias="PGQUEUER_LOG_CLAIMS")
    log_enqueues: bool = Field(default=True, validation_alias="PGQUEUER_LOG_ENQUEUES")
    log_retention: RetentionPeriod = Field(
        default=30 * DAY, validation_alias="PGQUEUER_LOG_RETENTION"
    )
    statistics_retention: RetentionPeriod = Field(
        default=365 * DAY, validation_alias="PGQUEUER_STATISTICS_RETENTION"
    )
    loop_blocked_after: float = Field(
        default=1.0, ge=0, le=3600, validation_alias="PGQUEUER_LOOP_BLOCKED_AFTER"
    )
    pauses_table: ObjectName = Field(default="", validation_alias="PGQUEUER_PAUSES_TABLE")

    @classmethod
    def _with_defaults(cls, values: dict[str, object]) -> dict[str, object]:
        prefix = values.get("prefix", values.get("PGQUEUER_PREFIX", ""))
        for field in _PREFIXED:
            aliases = (f"PGQUEUER_{field.upper()}", field.upper())
            if field not in values and not any(alias in values for alias in aliases):
                values[field] = prefixed_default(field, str(prefix))
        if not {"pauses_table", "PGQUEUER_PAUSES_TABLE"} & values.keys():
            queue = next(values[name] for name in _QUEUE_TABLE_NAMES if name in values)
            values["pauses_table"] = f"{queue}_pauses"
        if values.get("db_schema") == "":
            values["db_schema"] = None
        return values

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        for field in _QUALIFIED:
            name = getattr(self, field)
            if self.db_schema is not None and "." in name:
                raise ValueError(
                    f"{field}={name!r} has a schema qualifier and db_schema is set too; use one"
                )
        tables = (
            self.queue_table,
            self.queue_table_log,
            self.statistics_table,
            self.schedules_table,
        )
        names = (*tables, self.pauses_table)
        if len(set(names)) < len(names):
            raise ValueError(f"each table needs a name of its own, got {', '.join(names)}")
        for table in tables:
            bare = table.rpartition(".")[2]
            if len(bare) + LONGEST_INDEX_SUFFIX > IDENTIFIER_BYTES:
                raise ValueError(
                    f"{bare!r} leaves no room for the names of its indexes; use at most "
                    f"{IDENTIFIER_BYTES - LONGEST_INDEX_SUFFIX} characters"
                )
        return self

    @cached_property
    def qualified(self) -> QualifiedNames:
        """Names with the schema in front."""
        return QualifiedNames(*(self.qualify(getattr(self, field)) for field in _QUALIFIED))

    def qualify(self, name: str) -> str:
        """`name` with the schema in front, where one is set."""
        return f"{self.db_schema}.{name}" if self.db_schema else name

    @property
    def schema_expr(self) -> str:
        """SQL for the schema that the objects live in."""
        return f"'{self.db_schema}'" if self.db_schema else "current_schema()"

    @property
    def legacy_statistics_status_type(self) -> str:
        """The enum that old releases used for the statistics table."""
        return f"{self.prefix}pgqueuer_statistics_status"


@cache
def db_settings() -> DBSettings:
    """The settings of this process, read from the environment once.

    `db_settings.cache_clear()` makes the next call read it again.
    """
    return DBSettings()


class ConnectionSettings(_EnvironmentModel):
    """How to connect, for the helpers and drivers that build connections themselves.

    What is None here is left to libpq's own variables (PGHOST, PGUSER, …). Times in seconds.
    """

    dsn: str | None = Field(
        default=None, repr=False, validation_alias=AliasChoices("PGQUEUER_DSN", "PGDSN")
    )
    pool_min_size: int = Field(default=1, ge=0, validation_alias="PGQUEUER_POOL_MIN_SIZE")
    pool_max_size: int = Field(default=5, ge=1, validation_alias="PGQUEUER_POOL_MAX_SIZE")
    connect_timeout: float | None = Field(
        default=None, gt=0, validation_alias="PGQUEUER_CONNECT_TIMEOUT"
    )
    application_name: str | None = Field(default=None, validation_alias="PGQUEUER_APPLICATION_NAME")


def add_prefix(string: str) -> str:
    """Deprecated: `string` with PGQUEUER_PREFIX in front."""
    warnings.warn(
        "add_prefix is deprecated; read the names from db_settings()",
        DeprecationWarning,
        stacklevel=2,
    )
    return os.environ.get("PGQUEUER_PREFIX", "") + string
