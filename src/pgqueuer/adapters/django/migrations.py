"""The queue's schema in a migration of the user's own, for `migrations.RunPython`."""

from __future__ import annotations

from typing import Any

from pgqueuer.adapters.persistence.schema_ddl import install_statements, uninstall_statements
from pgqueuer.domain.settings import db_settings


def install_queue(apps: Any, schema_editor: Any) -> None:
    """Create the tables, the functions and the trigger; fails where any of it is there already."""
    for statement in install_statements(db_settings()):
        schema_editor.execute(statement, params=None)


def uninstall_queue(apps: Any, schema_editor: Any) -> None:
    """Drop everything, jobs and history too."""
    for statement in uninstall_statements(db_settings()):
        schema_editor.execute(statement, params=None)
