"""Rows for people and for programs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from pydantic import BaseModel

Command = TypeVar("Command", bound=Callable[..., Any])

DEFAULT_FORMAT = "pretty"

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON array instead of a table."
)


def limit_option(default: int, what: str) -> Callable[[Command], Command]:
    """`-n/--limit` with the range that it allows."""
    return click.option(
        "-n",
        "--limit",
        type=click.IntRange(1, 1_000_000),
        default=default,
        show_default=True,
        help=f"Show at most so many {what}.",
    )


def show_models(
    models: Sequence[BaseModel],
    headers: Sequence[str],
    row: Callable[[Any], Sequence[object]],
    *,
    as_json: bool,
    empty: str | None = None,
) -> None:
    """Print `models` as one JSON array, or as a table with one `row` each.

    `empty` is what people read when there is nothing; without it they get the bare headers.
    """
    if as_json:
        show_json(models)
    elif models or empty is None:
        show_table(headers, [row(model) for model in models])
    else:
        click.echo(empty)


def show_table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table in the format of PGQUEUER_TABLEFMT, else TABLEFMT, else "pretty"."""
    from tabulate import tabulate  # noqa: PLC0415 - only for output

    click.echo(tabulate(rows, headers=headers, tablefmt=table_format(), disable_numparse=True))


def table_format() -> str:
    """The table format of the environment; an unknown one is a usage error."""
    from tabulate import tabulate_formats  # noqa: PLC0415 - only for output

    for variable in ("PGQUEUER_TABLEFMT", "TABLEFMT"):
        if name := os.environ.get(variable):
            if name not in tabulate_formats:
                known = ", ".join(tabulate_formats)
                raise click.UsageError(f"{variable}={name!r} is no table format. Known: {known}")
            return name
    return DEFAULT_FORMAT


def show_json(models: Iterable[BaseModel]) -> None:
    """Print the fields of `models` as one JSON array, times in ISO 8601."""
    show_json_objects([model.model_dump(mode="json") for model in models])


def show_json_objects(objects: Sequence[Mapping[str, object]]) -> None:
    """Print `objects` as one JSON array."""
    click.echo(json.dumps(objects, ensure_ascii=False))
