"""`pgq embedded`: the servers that `pgq --embedded` starts."""

from __future__ import annotations

import click

from pgqueuer.adapters import embedded as servers
from pgqueuer.adapters.embedded.paths import base_folder


@click.group("embedded")
def embedded() -> None:
    """Look at the PostgreSQL that `pgq --embedded` starts, or stop it.

    Its data is in PGQUEUER_EMBEDDED_DIR, or in a folder under the user's data folder. None of
    these commands starts a server.
    """


@embedded.command("status")
def show_status() -> None:
    """Show each major version's data and whether its server runs."""
    found = servers.status()
    for cluster in found:
        state = f"running, pid {cluster.pid}" if cluster.running else "stopped"
        click.echo(f"PostgreSQL {cluster.major}: {state}, data in {cluster.folder}")
    if not found:
        click.echo(f"No data in {base_folder()}; pgq --embedded makes it.")


@embedded.command("stop")
def stop_servers() -> None:
    """Stop the server, also while others use it; the data stays."""
    stopped = servers.stop()
    for cluster in stopped:
        click.echo(f"Stopped PostgreSQL {cluster.major} in {cluster.folder}")
    if not stopped:
        click.echo(f"No server runs in {base_folder()}.")


@embedded.command("dsn")
def show_dsn() -> None:
    """Print the DSN of the running server, for asyncpg and psycopg; exit with 1 if none runs."""
    for cluster in servers.status():
        if cluster.dsn is not None:
            click.echo(cluster.dsn)
            return
    raise click.ClickException(
        f"No server runs in {base_folder()}. Start one with: pgq --embedded run MODULE:FACTORY"
    )
