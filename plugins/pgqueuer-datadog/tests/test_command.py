"""`pgq run --tracer datadog`, without a line of code."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

WORKER = """
from contextlib import asynccontextmanager

import pgqueuer


@asynccontextmanager
async def main():
    async with pgqueuer.connect() as driver:
        pgq = pgqueuer.PgQueuer(driver)

        @pgq.entrypoint("mail")
        async def mail(job):
            print("headers", sorted(job.headers or {}), flush=True)

        yield pgq
"""


class Agent(ThreadingHTTPServer):
    """Takes traces as the agent of Datadog does, and keeps them."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Request)
        self.traces: list[bytes] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Request(BaseHTTPRequestHandler):
    server: Agent

    def do_GET(self) -> None:
        self._answer(b'{"endpoints": ["/v0.4/traces", "/v0.5/traces"]}')

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if not body and self.headers.get("Transfer-Encoding") == "chunked":
            body = b"".join(iter(self._chunk, b""))
        if "/traces" in self.path:
            self.server.traces.append(body)
        self._answer(b'{"rate_by_service": {}}')

    def do_POST(self) -> None:
        self.do_PUT()

    def _chunk(self) -> bytes:
        size = int(self.rfile.readline(), 16)
        chunk = self.rfile.read(size)
        self.rfile.readline()
        return chunk

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None: ...


@pytest.fixture
def agent() -> Iterator[Agent]:
    with Agent() as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def pgq(*args: str, folder: Path, **variables: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pgqueuer", *args],
        env={**os.environ, **variables},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_producers_and_workers_send_spans_to_the_agent(queue_dsn, agent, tmp_path):
    (tmp_path / "app.py").write_text(WORKER)
    variables = {"PGDSN": queue_dsn, "DD_TRACE_AGENT_URL": agent.url}

    pgq("queue", "mail", folder=tmp_path, **variables, PGQUEUER_TRACERS="datadog")
    producer = b"".join(agent.traces)
    agent.traces.clear()
    said = pgq(
        "run", "--mode", "drain", "--tracer", "datadog", "app:main", folder=tmp_path, **variables
    )
    worker = b"".join(agent.traces)

    assert "headers ['datadog']" in said
    for name in (b"pgqueuer.publish", b"mailer", b"mail"):
        assert name in producer
    for name in (b"pgqueuer.process", b"mailer", b"mail"):
        assert name in worker


def test_it_is_listed_and_sound(tmp_path):
    assert "datadog" in pgq("plugins", "list", folder=tmp_path)
    pgq("plugins", "check", "datadog", folder=tmp_path)
