"""`pgq completion`: the script that makes a shell complete `pgq`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from pgqueuer.adapters.cli.cli import COMPLETE, app

SHELLS = ("bash", "zsh", "fish")
PROGRAM = "pgq"


@click.command()
@click.argument("shell", type=click.Choice(SHELLS), metavar="SHELL")
def completion(shell: str) -> None:
    """Print the completion script of SHELL: bash, zsh or fish.

    \b
    bash, in ~/.bashrc:                eval "$(pgq completion bash)"
    zsh, in ~/.zshrc after compinit:   eval "$(pgq completion zsh)"
    fish, in its config.fish:          pgq completion fish | source
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise click.ClickException(f"This release of click can not complete in {shell}.")
    click.echo(kind(app, {}, PROGRAM, COMPLETE).source())
