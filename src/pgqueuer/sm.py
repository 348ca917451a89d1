"""The manager of schedules."""

from __future__ import annotations

from pgqueuer.core.sm import SchedulerManager

__all__ = ["SchedulerManager"]
