"""`pgq web`: the web page on a server of its own."""

from __future__ import annotations

import socket
from functools import partial
from typing import TYPE_CHECKING

import click

from pgqueuer.adapters.cli.cli import asyncio_run
from pgqueuer.adapters.cli.connection import open_queries
from pgqueuer.adapters.cli.failures import UserError
from pgqueuer.adapters.cli.options import AppConfig
from pgqueuer.adapters.cli.run_log import start_log

if TYPE_CHECKING:
    from fastapi import FastAPI

LARGEST_PORT = 65_535


@click.command()
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    envvar="PGQUEUER_WEB_HOST",
    show_envvar=True,
    help="Address to listen on.",
)
@click.option(
    "--port",
    type=click.IntRange(0, LARGEST_PORT),
    default=8080,
    show_default=True,
    envvar="PGQUEUER_WEB_PORT",
    show_envvar=True,
    help="Port to listen on; 0 takes a free one.",
)
@click.pass_context
def web(ctx: click.Context, host: str, port: int) -> None:
    """Serve the web page of the queue until it is stopped.

    PGQUEUER_WEB_USER and PGQUEUER_WEB_PASSWORD protect it.
    """
    try:
        from pgqueuer.adapters.web.app import create_web_app, web_app_over  # noqa: PLC0415
        from pgqueuer.adapters.web.serving import PageServer  # noqa: PLC0415
    except ImportError as error:
        raise click.UsageError(
            "The web page needs more packages. Install them with: pip install 'pgqueuer[web]'", ctx
        ) from error
    start_log(ctx, None, None)
    config = AppConfig.of(ctx)
    asyncio_run(_connect_once(config))
    application: FastAPI
    if config.driver is None and config.factory is None:
        application = create_web_app()
    else:
        application = web_app_over(partial(open_queries, config))
    with _listening(host, port) as listener:
        click.echo(f"The web page is at {_url(host, listener)}")
        PageServer(application, level="WARNING").run(sockets=[listener])


async def _connect_once(config: AppConfig) -> None:
    """What is wrong with the connection is told in a line, before anything is served."""
    async with open_queries(config):
        pass


def _listening(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise UserError(f"Can not listen on {host}:{port}: {error.strerror or error}.") from error


def _url(host: str, listener: socket.socket) -> str:
    name = f"[{host}]" if listener.family == socket.AF_INET6 else host
    return f"http://{name}:{listener.getsockname()[1]}/"
