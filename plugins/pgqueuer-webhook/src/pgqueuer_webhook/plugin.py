"""What this distribution offers to PgQueuer."""

from __future__ import annotations

from collections.abc import Iterator

from pgqueuer.plugins import CommandSpec, ServiceSpec, hookimpl

INSTALL = "pip install pgqueuer-webhook"


@hookimpl
def pgqueuer_register_services() -> Iterator[ServiceSpec]:
    yield ServiceSpec(
        name="webhook",
        factory="pgqueuer_webhook.service:post_failures",
        summary="posts failed jobs to PGQUEUER_WEBHOOK_URL",
        requires=("httpx",),
        install=INSTALL,
    )


@hookimpl
def pgqueuer_register_commands() -> Iterator[CommandSpec]:
    yield CommandSpec(
        name="webhook",
        factory="pgqueuer_webhook.command:make_command",
        summary="makes a secret, posts a sample, checks a signature",
        requires=("httpx",),
        install=INSTALL,
    )
