"""A command that says how much work is left."""

from __future__ import annotations

from collections.abc import Iterator

from pgqueuer.plugins import CommandSpec, hookimpl


@hookimpl
def pgqueuer_register_commands() -> Iterator[CommandSpec]:
    yield CommandSpec(
        name="acme-left",
        factory="acme_left:make_command",
        summary="says how much work is left",
    )
