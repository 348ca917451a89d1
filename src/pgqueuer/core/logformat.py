"""Log lines that say which job they belong to, for people and as JSON."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from pgqueuer.core.logconfig import ISOFormatter

_STANDARD: Final = frozenset(
    {*logging.makeLogRecord({}).__dict__, "message", "asctime", "taskName", "job_id", "entrypoint"}
)


class PlainFormatter(ISOFormatter):
    """One line for people, with the job in brackets at its end; a traceback follows."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s [%(name)s] %(levelname)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        return super().formatMessage(record) + _label(record)


def _label(record: logging.LogRecord) -> str:
    entrypoint = getattr(record, "entrypoint", None)
    if entrypoint is None:
        return ""
    job_id = getattr(record, "job_id", None)
    return f" [{entrypoint}]" if job_id is None else f" [{entrypoint} {job_id}]"


class JsonFormatter(logging.Formatter):
    """One JSON object a line.

    Keys: `time` (ISO 8601, UTC), `level`, `logger`, `message`, `job_id` and `entrypoint` (null
    outside of handlers), `exception` and `stack` where there are any, and what was given as
    `extra`. A value that JSON does not know is written as its text.
    """

    def format(self, record: logging.LogRecord) -> str:
        fields = self.fields(record)
        line = fields | {
            name: value for name, value in self._extra(record).items() if name not in fields
        }
        try:
            return json.dumps(line, default=str, allow_nan=False)
        except (TypeError, ValueError):  # keys that are no text, circles, NaN
            return json.dumps({name: _plain(value) for name, value in line.items()})

    def fields(self, record: logging.LogRecord) -> dict[str, object]:
        """What is written of any record; override it to write more."""
        fields: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "job_id": getattr(record, "job_id", None),
            "entrypoint": getattr(record, "entrypoint", None),
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        elif record.exc_text:
            fields["exception"] = record.exc_text
        if record.stack_info:
            fields["stack"] = self.formatStack(record.stack_info)
        return fields

    def _extra(self, record: logging.LogRecord) -> dict[str, object]:
        given: Mapping[str, object] = record.__dict__
        return {name: value for name, value in given.items() if name not in _STANDARD}


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, str | int | bool) else str(value)
