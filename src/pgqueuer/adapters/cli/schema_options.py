"""Options that the schema commands and their `pgq sql` twins share, and settings from them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from pgqueuer.domain.settings import DBSettings, Durability, db_settings

Command = TypeVar("Command", bound=Callable[..., Any])

LEVELS = [level.value for level in Durability]


def durability_option(
    text: str = "What a crash may cost. [default: PGQUEUER_DURABILITY, else durable]",
    *,
    hidden: bool = False,
) -> Callable[[Command], Command]:
    """`-d/--durability`; without it the setting decides, which is durable unless changed."""
    return click.option("-d", "--durability", type=click.Choice(LEVELS), help=text, hidden=hidden)


create_schema_option = click.option(
    "--create-schema/--no-create-schema",
    default=True,
    show_default=True,
    help="Create the schema named by --schema where it is missing.",
)
widen_id_option = click.option(
    "--widen-id/--no-widen-id",
    default=True,
    show_default=True,
    help="Widen id columns of old installations to BIGINT, which rewrites their tables.",
)
rollback_option = click.option(
    "--rollback", is_flag=True, help="Go back to the defaults of the server."
)
dry_run_option = click.option("--dry-run", is_flag=True, hidden=True)
level_argument = click.argument("level", type=click.Choice(LEVELS), metavar="LEVEL")


def settings_with(
    base: DBSettings | None = None,
    *,
    durability: str | None = None,
    widen_id: bool | None = None,
) -> DBSettings:
    """`base`, by default the settings of the process, with what was given on the command line."""
    changes: dict[str, object] = {}
    if durability is not None:
        changes["durability"] = Durability(durability)
    if widen_id is not None:
        changes["widen_id"] = widen_id
    return (base or db_settings()).model_copy(update=changes)
