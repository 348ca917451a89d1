"""The query builders of the public interface: who holds the settings, and the DDL as text."""

from __future__ import annotations

from dataclasses import dataclass, field

from pgqueuer.domain.settings import (
    DBSettings,
    Durability,
    DurabilityPolicy,
    QualifiedNames,
    db_settings,
)

__all__ = [
    "DBSettings",
    "Durability",
    "DurabilityPolicy",
    "QualifiedNames",
    "QueryBuilderEnvironment",
    "QueryQueueBuilder",
    "QuerySchedulerBuilder",
]


@dataclass
class QueryBuilderEnvironment:
    """The settings of an installation."""

    settings: DBSettings = field(default_factory=db_settings)


@dataclass
class QueryQueueBuilder:
    """The settings of the queue's statements."""

    settings: DBSettings = field(default_factory=db_settings)


@dataclass
class QuerySchedulerBuilder:
    """The settings of the schedules' statements."""

    settings: DBSettings = field(default_factory=db_settings)
