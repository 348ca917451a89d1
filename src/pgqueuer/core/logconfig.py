"""The logger of the library, and the log output of the command line."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from enum import Enum
from typing import Final, TextIO

from pgqueuer.core.running import current_run

logger: Final = logging.getLogger("pgqueuer")
logger.addHandler(logging.NullHandler())

_HANDLER_NAMES: Final = ("pgqueuer-stdout", "pgqueuer-stderr")


class LogLevel(Enum):
    """Levels by name, as given on the command line."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    WARNING = "WARNING"
    ERROR = "ERROR"
    CRITICAL = "CRITICAL"


class ISOFormatter(logging.Formatter):
    """Times in ISO 8601, in UTC, with microseconds; `datefmt` is ignored."""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds")


class MaxLevelFilter(logging.Filter):
    """Lets through records up to `max_level`, inclusive."""

    def __init__(self, max_level: int) -> None:
        super().__init__()
        self.max_level = max_level

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno <= self.max_level


class JobFilter(logging.Filter):
    """Gives each record `job_id` and `entrypoint`, None where no handler logged it.

    Lets every record through. A record that has them already keeps them. Put it on a handler, or
    on the QueueHandler where there is one, as it looks at the thread and task that log.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        run = current_run.get()
        for name in ("job_id", "entrypoint"):
            if not hasattr(record, name):
                setattr(record, name, getattr(run, name, None))
        return True


def setup_fancy_logger(log_level: LogLevel) -> None:
    """Print the library's log: up to INFO on stdout, from WARNING on stderr.

    Calling it again changes the level and prints nothing twice.
    """
    print_log(logger, log_level, ISOFormatter("%(asctime)s [%(name)s] %(levelname)s: %(message)s"))


def print_log(source: logging.Logger, log_level: LogLevel, formatter: logging.Formatter) -> None:
    """Print what `source` gets: up to INFO on stdout, from WARNING on stderr.

    What an earlier call set up, for this logger or another, is replaced.
    """
    for printing in (logger, logging.getLogger()):
        for handler in [each for each in printing.handlers if each.name in _HANDLER_NAMES]:
            printing.removeHandler(handler)
    out, err = (
        _stream_handler(name, stream, formatter)
        for name, stream in zip(_HANDLER_NAMES, (sys.stdout, sys.stderr), strict=True)
    )
    out.addFilter(MaxLevelFilter(logging.INFO))
    err.setLevel(logging.WARNING)
    for handler in (out, err):
        source.addHandler(handler)
    source.setLevel(log_level.value)


def _stream_handler(name: str, stream: TextIO, formatter: logging.Formatter) -> logging.Handler:
    handler = logging.StreamHandler(stream)
    handler.set_name(name)
    handler.setFormatter(formatter)
    handler.addFilter(JobFilter())
    return handler
