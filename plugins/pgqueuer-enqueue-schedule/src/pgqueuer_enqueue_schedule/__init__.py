"""Schedules whose ticks enqueue jobs: `@pgq.schedule(…, executor="enqueue")`."""
