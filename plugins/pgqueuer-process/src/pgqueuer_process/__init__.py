"""Runs CPU-bound jobs in processes of their own: `executor="process"`."""

from __future__ import annotations

from pgqueuer_process.errors import JobProcessDied, MemoryLimitExceeded

__all__ = ["JobProcessDied", "MemoryLimitExceeded"]
