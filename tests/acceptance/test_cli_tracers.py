"""`pgq run --tracer`: tracers by name, without a line of code."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.cli import pgq

WORKER = """
from contextlib import asynccontextmanager

import pgqueuer
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

provider = TracerProvider()
provider.add_span_processor(
    SimpleSpanProcessor(ConsoleSpanExporter(formatter=lambda span: f"span {span.name}\\n"))
)
trace.set_tracer_provider(provider)


@asynccontextmanager
async def main():
    async with pgqueuer.connect() as driver:
        pgq = pgqueuer.PgQueuer(driver)

        @pgq.entrypoint("mail")
        async def mail(job):
            print("headers", sorted(job.headers or {}), flush=True)

        yield pgq
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "worker.py").write_text(WORKER)
    return tmp_path


def test_a_worker_traces_jobs_with_the_tracer_that_is_named(queue_dsn: str, folder: Path) -> None:
    pgq("queue", "mail", dsn=queue_dsn)
    ran = pgq(
        "run",
        "--mode",
        "drain",
        "--tracer",
        "opentelemetry",
        "worker:main",
        dsn=queue_dsn,
        cwd=folder,
    )
    assert ran.code == 0, ran.stderr
    said = [line for line in ran.stdout.splitlines() if "INFO" not in line]
    assert said == ["headers []", "span process mail"]


def test_the_environment_names_tracers_of_workers_and_producers(
    queue_dsn: str, folder: Path
) -> None:
    env = {"PGQUEUER_TRACERS": "logfire, opentelemetry", "LOGFIRE_IGNORE_NO_CONFIG": "1"}
    queued = pgq("queue", "mail", dsn=queue_dsn, env=env)
    assert queued.code == 0, queued.stderr
    ran = pgq("run", "--mode", "drain", "worker:main", dsn=queue_dsn, env=env, cwd=folder)
    assert ran.code == 0, ran.stderr
    assert "headers ['logfire']" in ran.stdout
    assert "span process mail" in ran.stdout


def test_an_unknown_tracer_is_one_line_that_lists_the_known_ones(
    queue_dsn: str, folder: Path
) -> None:
    ran = pgq("run", "--tracer", "nonsense", "worker:main", dsn=queue_dsn, cwd=folder)
    assert ran.code == 1
    (line,) = ran.stderr.splitlines()[-1:]
    assert "There is no tracer 'nonsense'. Known: logfire, opentelemetry, sentry." in line
