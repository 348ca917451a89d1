"""Traces the jobs of PgQueuer with Datadog: `pgq run --tracer datadog`."""
