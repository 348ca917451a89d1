"""`pgq webhook` and `pgq run --service webhook`, as users type them."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from conftest import SECRET
from test_service import leading

from pgqueuer import Queries
from pgqueuer.plugins import PluginRegistry
from pgqueuer_webhook.command import make_command
from pgqueuer_webhook.service import post_failures

WORKER = """
from contextlib import asynccontextmanager

import pgqueuer


@asynccontextmanager
async def main():
    async with pgqueuer.connect() as driver:
        pgq = pgqueuer.PgQueuer(driver)

        @pgq.entrypoint("mail")
        async def mail(job):
            raise ValueError("no such address")

        yield pgq
"""


RUN = ("run", "--mode", "drain", "--service", "webhook", "app:main")


def webhook(*args: str, stdin: bytes | None = None) -> Result:
    result = CliRunner().invoke(make_command(), args, input=stdin)
    assert SECRET not in result.output
    return result


async def test_a_worker_posts_its_failures(queue_dsn, queries: Queries, endpoint, tmp_path: Path):
    (tmp_path / "app.py").write_text(WORKER)
    async with leading(queries):
        pass
    await queries.enqueue("mail", None)
    worker = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "pgqueuer", *RUN],
        env={**os.environ, "PGDSN": queue_dsn},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert worker.returncode == 0, worker.stderr
    assert [job["error"]["message"] for job in endpoint.jobs] == ["no such address"]
    assert SECRET not in worker.stdout + worker.stderr


async def test_the_table_is_made_beforehand_and_once_is_enough(
    queries: Queries, queue_dsn: str, environment: pytest.MonkeyPatch
):
    environment.setenv("PGDSN", queue_dsn)
    for _ in range(2):
        result = await asyncio.to_thread(webhook, "install")
        assert (result.exit_code, result.output) == (0, "The table is there.\n")
    assert await queries.driver.fetch("SELECT * FROM pgqueuer_webhook") == []


def test_a_sample_is_sent_and_can_be_verified(endpoint, environment):
    endpoint.replies = [(200, {}), (401, {})]
    environment.delenv("PGQUEUER_WEBHOOK_URL")
    done = webhook("test", endpoint.url)
    assert (done.exit_code, done.output) == (0, "200 OK\nthank you\n")
    refused = webhook("test", endpoint.url)
    assert (refused.exit_code, refused.output) == (1, "401 Unauthorized\n")

    headers, body = endpoint.requests[0]
    given = [f"--{part}={headers[f'webhook-{part}']}" for part in ("id", "timestamp", "signature")]
    good = webhook("verify", *given, "--tolerance", "300", stdin=body)
    assert (good.exit_code, good.output) == (0, "The signature is right.\n")
    wrong = webhook("verify", *given, stdin=body + b" ")
    assert wrong.exit_code == 1
    assert "The signature is wrong" in wrong.output


def test_an_old_signature_is_refused_where_a_tolerance_is_given(endpoint, monkeypatch):
    monkeypatch.setattr("time.time", lambda: 1_600_000_000.0)
    assert webhook("test").exit_code == 0
    monkeypatch.undo()
    headers, body = endpoint.requests[0]
    given = [f"--{part}={headers[f'webhook-{part}']}" for part in ("id", "timestamp", "signature")]
    monkeypatch.setenv("PGQUEUER_WEBHOOK_SECRET", SECRET)
    late = webhook("verify", *given, "--tolerance", "300", stdin=body)
    assert late.exit_code == 1
    assert "its time is" in late.output


def test_a_new_secret_is_one_that_the_service_takes(environment):
    made = webhook("secret").output.strip()
    environment.setenv("PGQUEUER_WEBHOOK_SECRET", made)
    assert webhook("test").exit_code == 0


@pytest.mark.parametrize("secret", ["", "not a secret"])
def test_without_a_secret_the_error_says_how_to_make_one(environment, secret):
    environment.setenv("PGQUEUER_WEBHOOK_SECRET", secret)
    for arguments in (["test"], ["verify", "--id=a", "--timestamp=1", "--signature=v1,x"]):
        result = webhook(*arguments, stdin=b"")
        assert result.exit_code == 1
        assert "PGQUEUER_WEBHOOK_SECRET" in result.output


def test_it_is_found_by_name():
    registry = PluginRegistry.load({"PGQUEUER_PLUGINS": "webhook"})
    assert registry.service("webhook").load() is post_failures
    assert registry.command("webhook").load() is make_command
