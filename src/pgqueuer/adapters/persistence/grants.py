"""Roles with the least privileges that producers, workers and readers can do with, as SQL."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Self

from pgqueuer.adapters.persistence.schema_ddl import provenance, script
from pgqueuer.adapters.persistence.schema_text import SchemaText
from pgqueuer.adapters.persistence.sqltext import quote_identifier
from pgqueuer.domain.settings import IDENTIFIER_BYTES

if TYPE_CHECKING:
    from pgqueuer.domain.settings import DBSettings

_STATEMENTS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "producer": ("producer_jobs", "producer_history", "producer_function"),
        "worker": (
            "worker_jobs",
            "worker_history",
            "worker_statistics",
            "worker_schedules",
            "worker_pauses",
        ),
        "reader": ("reader_tables",),
    }
)
_SEQUENCES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"producer": ("queue_table",), "worker": ("statistics_table", "schedules_table"), "reader": ()}
)
_ROLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_@-]*")
_TAKEN: Final = frozenset({"public", "none"})
"""What PostgreSQL reads as something else than a role, even in quotes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """The names of the roles; None stands for one that is not wanted.

    Names may be those of roles that exist, and one role may be all three. Raises ValueError for
    what can not be the name of a role.
    """

    producer: str | None = None
    worker: str | None = None
    reader: str | None = None

    def __post_init__(self) -> None:
        for part, name in self.named():
            check_role(part, name)

    @classmethod
    def usual(cls, settings: DBSettings) -> Self:
        """The queue table's name with `_producer`, `_worker` and `_reader` behind it."""
        table = settings.queue_table.rpartition(".")[2]
        return cls(producer=f"{table}_producer", worker=f"{table}_worker", reader=f"{table}_reader")

    def named(self) -> Iterator[tuple[str, str]]:
        """What each role is for, and its name."""
        for part in _STATEMENTS:
            if (name := getattr(self, part)) is not None:
                yield part, name


def check_role(part: str, name: str) -> None:
    """Raise ValueError unless `name` can be the name of a role of the user's."""
    if not _ROLE.fullmatch(name):
        raise ValueError(
            f"{part}: {name!r} is no name for a role: use letters, digits, underscores, @ and "
            "hyphens, and begin with a letter or an underscore"
        )
    if len(name) > IDENTIFIER_BYTES:
        raise ValueError(
            f"{part}: {name!r} is longer than {IDENTIFIER_BYTES} bytes; use a shorter name"
        )
    if name.lower() in _TAKEN or name.startswith("pg_"):
        raise ValueError(f"{part}: {name!r} means something else to PostgreSQL; use another name")


def grant_statements(settings: DBSettings, roles: Roles) -> Iterator[str]:
    """The statements of `render_grants`."""
    text = SchemaText(settings)
    for part, role in roles.named():
        yield text.role("create_role", role=role)
        yield text.role("use_schema", role=role)
        for statement in _STATEMENTS[part]:
            yield text.role(statement, role=role)
        for table in _SEQUENCES[part]:
            regclass = quote_identifier(text.name(table))
            yield text.role("use_sequence", role=role, table_regclass=regclass)


def render_grants(settings: DBSettings, roles: Roles) -> str:
    """Creates the roles that are missing, and gives each what it needs; may be run again.

    Nothing is taken away from a role that has more.
    """
    return f"{provenance(settings)}\n{script(grant_statements(settings, roles))}"
