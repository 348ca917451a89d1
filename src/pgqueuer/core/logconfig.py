"""The logger of the library, and the log output of the command line."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from enum import Enum
from typing import Final, TextIO

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


def setup_fancy_logger(log_level: LogLevel) -> None:
    """Print the library's log: up to INFO on stdout, from WARNING on stderr.

    Calling it again changes the level and prints nothing twice.
    """
    for handler in [each for each in logger.handlers if each.name in _HANDLER_NAMES]:
        logger.removeHandler(handler)
    out, err = (
        _stream_handler(name, stream)
        for name, stream in zip(_HANDLER_NAMES, (sys.stdout, sys.stderr), strict=True)
    )
    out.addFilter(MaxLevelFilter(logging.INFO))
    err.setLevel(logging.WARNING)
    logger.setLevel(log_level.value)


def _stream_handler(name: str, stream: TextIO) -> logging.Handler:
    handler = logging.StreamHandler(stream)
    handler.set_name(name)
    handler.setFormatter(ISOFormatter("%(asctime)s [%(name)s] %(levelname)s: %(message)s"))
    logger.addHandler(handler)
    return handler
