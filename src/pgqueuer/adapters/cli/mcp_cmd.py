"""`pgq mcp`: the queue for agents, over standard input and output."""

from __future__ import annotations

import click


@click.command()
@click.option("--write", is_flag=True, help="Add tools that requeue, cancel, pause and run.")
@click.pass_context
def mcp(ctx: click.Context, write: bool) -> None:
    """Answer an agent's questions about the queue, until its client ends.

    It speaks the Model Context Protocol on standard input and output.
    """
    from pgqueuer.adapters.mcp.server import create_mcp_server  # noqa: PLC0415

    try:
        server = create_mcp_server(write=write)
    except ImportError as error:
        raise click.UsageError(str(error), ctx) from error
    server.run("stdio")
