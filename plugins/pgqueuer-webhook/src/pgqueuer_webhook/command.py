"""The command `pgq webhook`."""

from __future__ import annotations

import asyncio
import os
import sys
import time

import click
import httpx

from pgqueuer.plugins import connect_repository
from pgqueuer_webhook.log import LogReader, NotInstalledError
from pgqueuer_webhook.message import sample
from pgqueuer_webhook.sending import Answer, post
from pgqueuer_webhook.settings import VARIABLE, Settings, SettingsError, read_settings
from pgqueuer_webhook.signing import Keys, is_signed, make_secret, read_keys

SECRET = VARIABLE + "SECRET"
URL = VARIABLE + "URL"


def make_command() -> click.Command:
    return webhook


@click.group()
def webhook() -> None:
    """Set up and try the webhook of `pgq run --service webhook`.

    The secret is read from PGQUEUER_WEBHOOK_SECRET and never shown.
    """


@webhook.command()
def secret() -> None:
    """Make a new secret and print it."""
    click.echo(make_secret())


@webhook.command()
@click.argument("url", envvar=URL)
def test(url: str) -> None:
    """Post a signed sample to URL, by default PGQUEUER_WEBHOOK_URL, and show the answer."""
    try:
        settings = read_settings(os.environ, {"webhook-url": url})
    except SettingsError as error:
        raise click.ClickException(str(error)) from None
    answer = asyncio.run(_send(settings))
    click.echo(answer.reason)
    if answer.text:
        click.echo(answer.text)
    if not answer.accepted:
        raise SystemExit(1)


async def _send(settings: Settings) -> Answer:
    async with httpx.AsyncClient(timeout=settings.timeout) as client:
        return await post(
            client, str(settings.url), sample(), keys=settings.secret, timeout=settings.timeout
        )


@webhook.command()
@click.option("--id", "message_id", required=True, help="The header webhook-id.")
@click.option("--timestamp", type=int, required=True, help="The header webhook-timestamp.")
@click.option("--signature", required=True, help="The header webhook-signature.")
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    help="Refuse a timestamp that is further away from now, in seconds. [default: any is good]",
)
def verify(message_id: str, timestamp: int, signature: str, tolerance: float | None) -> None:
    """Tell whether the body on standard input was signed with the secret.

    The body must be what was received, byte by byte. Exits with 1 when the signature is wrong.
    """
    keys = _keys()
    body = sys.stdin.buffer.read()
    if not is_signed(keys, message_id, timestamp, body, signature):
        raise click.ClickException(
            "The signature is wrong: another secret, id or timestamp, or the body was changed."
        )
    age = time.time() - timestamp
    if tolerance is not None and abs(age) > tolerance:
        raise click.ClickException(f"The signature is right, but its time is {age:.0f} s ago.")
    click.echo("The signature is right.")


def _keys() -> Keys:
    try:
        return read_keys(os.environ.get(SECRET, ""))
    except ValueError as error:
        raise click.ClickException(f"{SECRET} {error}") from None


@webhook.command()
def install() -> None:
    """Create the table that remembers what was posted.

    The service does so itself where its user may create tables.
    """
    try:
        asyncio.run(_install())
    except NotInstalledError as error:
        raise click.ClickException(str(error)) from error
    click.echo("The table is there.")


async def _install() -> None:
    async with connect_repository() as queries:
        # The reader never posts here, so what it would post and where does not matter.
        anything = Settings.model_construct(name="default")
        await LogReader(queries, anything).install()
