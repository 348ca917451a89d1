"""`pgq doctor`: a look at everything that may keep the queue from working well."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, replace
from datetime import timedelta

import click

from pgqueuer.adapters.cli.cli import asyncio_run
from pgqueuer.adapters.cli.connection import open_store
from pgqueuer.adapters.cli.failures import (
    CHECK_CONNECTION,
    UserError,
    explain,
    one_line,
    redact,
)
from pgqueuer.adapters.cli.options import AppConfig, Seconds
from pgqueuer.adapters.cli.tables import json_option, show_json_objects
from pgqueuer.adapters.doctor import Finding, Limits, Patient, examine_database, examine_process
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.plugins.registry import installed_plugins

DAY = 86_400
COLORS = {"ok": "green", "warn": "yellow", "fail": "red", "skip": "bright_black"}
WIDTH = 13
"""Of the column with the names of the checks."""

Tell = Callable[[Finding], None]


@click.command()
@click.option(
    "--transaction-age",
    type=Seconds(maximum=365 * DAY),
    default="300",
    show_default=True,
    help="Warn of transactions that are open for so many seconds.",
)
@click.option("--strict", is_flag=True, help="Exit with 1 for warnings too.")
@json_option
@click.pass_context
def doctor(ctx: click.Context, transaction_age: timedelta, strict: bool, as_json: bool) -> None:
    """Check the server, the way to it, the schema, the tables and this installation.

    Each line is ok, warn, fail or skip, with what to do. Nothing is changed. Exit with 1 if
    anything fails.
    """
    found: list[Finding] = []

    def tell(finding: Finding) -> None:
        found.append(_discreet(finding))
        if not as_json:
            _show(found[-1])

    limits = Limits(transaction_age=transaction_age)
    _keep_plugins_quiet()
    asyncio_run(_examine(AppConfig.of(ctx), limits, tell))
    if as_json:
        show_json_objects([asdict(finding) for finding in found])
    else:
        click.echo(_summary(found), err=True)
    bad = {"fail", "warn"} if strict else {"fail"}
    if any(finding.status in bad for finding in found):
        ctx.exit(1)


def _keep_plugins_quiet() -> None:
    """Faulty plugins are findings here; the log would tell them a second time."""
    logging.getLogger("pgqueuer.plugins").addHandler(logging.NullHandler())


async def _examine(config: AppConfig, limits: Limits, tell: Tell) -> None:
    for finding in examine_process(installed_plugins):
        tell(finding)
    async with AsyncExitStack() as stack:
        try:
            store = await open_store(stack, config)
        except click.ClickException:
            raise
        except Exception as error:  # whatever keeps us from connecting is the finding
            tell(_no_connection(error))
            return
        if not isinstance(store, Queries):
            what = config.driver or config.factory
            tell(_skip(f"{what} is not PostgreSQL; the other checks do not apply"))
            return
        other = await _open_another(stack, config)
        async for finding in examine_database(Patient(queries=store, other=other, limits=limits)):
            tell(finding)


async def _open_another(stack: AsyncExitStack, config: AppConfig) -> Queries | None:
    """A second connection, or None: 'listening' warns when there was no room for it."""
    try:
        other = await open_store(stack, config)
    except Exception:
        return None
    return other if isinstance(other, Queries) else None


def _no_connection(error: Exception) -> Finding:
    if isinstance(error, UserError) and error.__cause__ is not None:
        reason = f"no connection: {str(error.__cause__) or type(error.__cause__).__name__}"
        return Finding(check="connection", status="fail", message=reason, remedy=CHECK_CONNECTION)
    message = explain(error, debug=True).removesuffix(".")
    remedy = "correct that, then run 'pgq doctor' again"
    return Finding(check="connection", status="fail", message=message, remedy=remedy)


def _skip(message: str) -> Finding:
    return Finding(check="connection", status="skip", message=message)


def _discreet(finding: Finding) -> Finding:
    """On one line, and without passwords."""
    message = redact(one_line(finding.message))
    remedy = None if finding.remedy is None else redact(one_line(finding.remedy))
    return replace(finding, message=message, remedy=remedy)


def _show(finding: Finding) -> None:
    status = click.style(f"{finding.status:<4}", fg=COLORS[finding.status], bold=True)
    click.echo(f"{status}  {finding.check:<{WIDTH}} {finding.message}")
    if finding.remedy is not None:
        click.echo(f"{'':<{WIDTH + 7}}-> {finding.remedy}")


def _summary(found: Sequence[Finding]) -> str:
    counts = Counter[str](finding.status for finding in found)
    parts = [f"{counts[status]} {status}" for status in COLORS if counts[status]]
    return f"{', '.join(parts)}."
