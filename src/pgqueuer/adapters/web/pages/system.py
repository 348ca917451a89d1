"""The installation: tables, versions, plugins, and what `pgq doctor` says."""

from __future__ import annotations

import platform
from typing import Annotated

from fastapi import APIRouter, Depends

import pgqueuer
from pgqueuer.adapters.doctor import Patient, examine_database
from pgqueuer.adapters.drivers.asyncpg import AsyncpgPoolDriver
from pgqueuer.adapters.web.pages.live import Gathered, add_live_page
from pgqueuer.adapters.web.reports import Reports, reports_of
from pgqueuer.plugins.registry import installed_plugins


async def gather(reports: Annotated[Reports, Depends(reports_of)]) -> Gathered:
    """Everything about the installation; the checks take up to some seconds."""
    queries = reports.queries
    pooled = isinstance(queries.driver, AsyncpgPoolDriver)
    patient = Patient(queries=queries, listens_apart=pooled)
    return {
        "title": "System",
        "tables": await reports.insights.schema_info(),
        "pending": await reports.insights.unaggregated_log_count(),
        "findings": [finding async for finding in examine_database(patient)],
        "plugins": installed_plugins().plugins,
        "versions": {"PgQueuer": pgqueuer.__version__, "Python": platform.python_version()},
        "settings": queries.settings,
    }


router = APIRouter()
add_live_page(router, "/system", "system", gather, every=0)
