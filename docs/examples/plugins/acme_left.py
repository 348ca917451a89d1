"""What the command does; imported when somebody calls it."""

from __future__ import annotations

import asyncio

import click

from pgqueuer.plugins import connect_repository


async def count(entrypoint: str | None) -> int:
    async with connect_repository() as queries:
        return sum(
            row.count
            for row in await queries.queue_size()
            if row.status == "queued" and entrypoint in (None, row.entrypoint)
        )


@click.command()
@click.argument("entrypoint", required=False)
def left(entrypoint: str | None) -> None:
    """Say how many jobs wait, of ENTRYPOINT or of all."""
    click.echo(f"{asyncio.run(count(entrypoint))} jobs wait")


def make_command() -> click.Command:
    return left
