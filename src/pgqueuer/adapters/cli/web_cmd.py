"""`pgq web`: the web page on a server of its own."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from pgqueuer.adapters.cli.connection import open_queries
from pgqueuer.adapters.cli.failures import UserError
from pgqueuer.adapters.cli.options import AppConfig

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
        import uvicorn  # noqa: PLC0415

        from pgqueuer.adapters.web.app import create_web_app, web_app_over  # noqa: PLC0415
    except ImportError as error:
        raise click.UsageError(
            "The web page needs more packages. Install them with: pip install 'pgqueuer[web]'", ctx
        ) from error
    config = AppConfig.of(ctx)
    application: FastAPI
    if config.driver is None and config.factory is None:
        application = create_web_app()
    else:
        application = web_app_over(partial(open_queries, config))
    level = (config.log_level or "INFO").lower()
    server = uvicorn.Server(
        uvicorn.Config(application, host=host, port=port, log_level=level, access_log=False)
    )
    server.run()
    if not server.started:
        raise UserError(f"The web page could not be served on {host}:{port}; the log says why.")
