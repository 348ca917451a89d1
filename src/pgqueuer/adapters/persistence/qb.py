"""The query builders of the public interface: who holds the settings, and the DDL as text."""

from __future__ import annotations

from dataclasses import dataclass, field

from pgqueuer.adapters.persistence.schema_ddl import (
    autovacuum_statements,
    durability_statements,
    install_statements,
    script,
    uninstall_statements,
)
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
    """The settings of an installation, and its DDL for migrations of your own."""

    settings: DBSettings = field(default_factory=db_settings)

    def build_install_query(self, create_schema: bool = True) -> str:
        """Everything that `install` creates, as one text of several statements."""
        return script(install_statements(self.settings, create_schema))

    def build_uninstall_query(self) -> str:
        """Everything that `uninstall` drops."""
        return script(uninstall_statements(self.settings))

    def build_alter_durability_query(self) -> str:
        """Sets every table to `settings.durability`."""
        return script(durability_statements(self.settings))

    def build_optimize_autovacuum_query(self) -> str:
        """Suits autovacuum to how each table is used."""
        return script(autovacuum_statements(self.settings))

    def build_optimize_autovacuum_rollback_query(self) -> str:
        """Goes back to the server's defaults."""
        return script(autovacuum_statements(self.settings, rollback=True))


@dataclass
class QueryQueueBuilder:
    """The settings of the queue's statements."""

    settings: DBSettings = field(default_factory=db_settings)


@dataclass
class QuerySchedulerBuilder:
    """The settings of the schedules' statements."""

    settings: DBSettings = field(default_factory=db_settings)
