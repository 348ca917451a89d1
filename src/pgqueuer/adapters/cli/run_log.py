"""What `pgq run` prints of the log."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import click

from pgqueuer.adapters.cli.failures import explain, redact
from pgqueuer.adapters.cli.options import AppConfig
from pgqueuer.core.logconfig import LogLevel, logger, print_log, setup_fancy_logger
from pgqueuer.core.logformat import JsonFormatter, PlainFormatter

LOG_FORMATS = ("plain", "json")


def start_log(ctx: click.Context, level: str | None, log_format: str | None) -> None:
    """Print the log from `level`, else from the global level, else from INFO.

    With a format the log of all loggers, without one that of the library.
    """
    config = AppConfig.of(ctx)
    chosen = level or config.log_level or "INFO"
    ctx.find_root().obj = replace(config, log_level=chosen)
    if log_format is None:
        setup_fancy_logger(LogLevel(chosen))
        for handler in logger.handlers:
            if handler.formatter is not None:
                handler.setFormatter(DiscreetFormatter(handler.formatter))
        return
    as_json = log_format == "json"
    formatter = DiscreetJsonFormatter() if as_json else DiscreetFormatter(PlainFormatter())
    print_log(logging.getLogger(), LogLevel(chosen), formatter)


@contextmanager
def failures_logged(log_format: str | None) -> Iterator[None]:
    """Where lines are JSON, log what ends the worker instead of printing it."""
    try:
        yield
    except Exception as error:
        if log_format != "json":
            raise
        logger.critical("The worker ends: %s", explain(error), exc_info=error)
        raise click.exceptions.Exit(1) from error


class DiscreetFormatter(logging.Formatter):
    """Another formatter's text without passwords: drivers quote a DSN that they refuse."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self.inner = inner

    def format(self, record: logging.LogRecord) -> str:
        return redact(self.inner.format(record))


class DiscreetJsonFormatter(JsonFormatter):
    """The same for JSON, where only texts may be changed."""

    def fields(self, record: logging.LogRecord) -> dict[str, object]:
        fields = super().fields(record)
        for name in ("message", "exception"):
            if name in fields:
                fields[name] = redact(str(fields[name]))
        return fields
