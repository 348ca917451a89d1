"""For programs that set up logging themselves: the job on each line, and lines as JSON.

`JobFilter` goes on handlers, not on loggers, so that it sees the records of every logger.
"""

from __future__ import annotations

from pgqueuer.core.logconfig import JobFilter
from pgqueuer.core.logformat import JsonFormatter, PlainFormatter

__all__ = ["JobFilter", "JsonFormatter", "PlainFormatter"]
