"""Where the built-in commands are; each module is imported when its command is called."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import NamedTuple

import click

from pgqueuer.adapters.cli.trailing import accept_global_options


class LazyCommand(NamedTuple):
    """A command that is not imported yet; `summary` is what `pgq --help` shows."""

    module: str
    attribute: str
    summary: str

    def load(self) -> click.Command:
        """The command itself."""
        command = getattr(import_module(f"pgqueuer.adapters.cli.{self.module}"), self.attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{self.module}:{self.attribute} is not a click command")
        return accept_global_options(command)


BUILT_IN: Mapping[str, LazyCommand] = MappingProxyType(
    {
        "install": LazyCommand("schema_cmd", "install", "Create the tables of the queue."),
        "upgrade": LazyCommand("schema_cmd", "upgrade", "Bring the tables up to date."),
        "uninstall": LazyCommand("schema_cmd", "uninstall", "Drop the queue with all its jobs."),
        "verify": LazyCommand("schema_cmd", "verify", "Check what is installed."),
        "durability": LazyCommand("schema_cmd", "durability", "Choose what a crash may cost."),
        "autovac": LazyCommand("schema_cmd", "autovac", "Tune autovacuum for a queue."),
        "doctor": LazyCommand("doctor_cmd", "doctor", "Look for what may go wrong."),
        "sql": LazyCommand("sql_cmd", "sql_app", "Print the SQL of a schema command."),
        "queue": LazyCommand("queue_cmd", "queue", "Enqueue a job."),
        "listen": LazyCommand("queue_cmd", "listen", "Print the events of the channel."),
        "failed": LazyCommand("queue_cmd", "failed", "List jobs that are held as failed."),
        "requeue": LazyCommand("queue_cmd", "requeue", "Put failed jobs back to the queue."),
        "entrypoints": LazyCommand(
            "entrypoints_cmd", "entrypoints", "Show entrypoints, and which are paused."
        ),
        "pause": LazyCommand("entrypoints_cmd", "pause", "Let nobody claim jobs of entrypoints."),
        "resume": LazyCommand("entrypoints_cmd", "resume", "Go on with paused entrypoints."),
        "prune": LazyCommand("prune_cmd", "prune", "Delete old history."),
        "run": LazyCommand("run_cmd", "run", "Run a worker."),
        "dashboard": LazyCommand("report_cmd", "dashboard", "Show what happened lately."),
        "backlog": LazyCommand("report_cmd", "backlog", "Show how long jobs have been queued."),
        "workers": LazyCommand("report_cmd", "workers", "Show who holds picked jobs."),
        "stale": LazyCommand("report_cmd", "stale", "Show picked jobs whose worker is silent."),
        "schedules": LazyCommand("report_cmd", "schedules", "Show, pause or remove schedules."),
        "web": LazyCommand("web_cmd", "web", "Serve the web page."),
        "mcp": LazyCommand("mcp_cmd", "mcp", "Serve the queue to agents."),
        "plugins": LazyCommand("plugins_cmd", "plugins", "List and check plugins."),
        "completion": LazyCommand("completion_cmd", "completion", "Complete pgq in a shell."),
        "embedded": LazyCommand("embedded_cmd", "embedded", "Run a PostgreSQL of your own."),
    }
)
