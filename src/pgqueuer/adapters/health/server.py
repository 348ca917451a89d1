"""The HTTP side: /livez and /readyz, answered in threads, whatever the event loop does."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from pgqueuer.adapters.health.loop_sign import LoopSign
from pgqueuer.adapters.health.state import WorkerState
from pgqueuer.core.logconfig import logger
from pgqueuer.domain.errors import PgqException

PATIENCE: Final = 0.7
"""Seconds for an answer; Kubernetes waits for one."""

Answer: TypeAlias = tuple[bool, dict[str, object]]


class HealthPortError(PgqException):
    """The port can not be listened on."""


class Probes:
    """The answers. A loop that does not turn for `longest_block` seconds is dead.

    After that long its leases have run out, and other workers have its jobs.
    """

    def __init__(self, state: WorkerState, longest_block: float) -> None:
        self._state = state
        self._longest_block = longest_block
        self._sign = LoopSign(state.refresh)

    def live(self) -> Answer:
        """Whether the event loop turns."""
        lag = self._sign.ask(PATIENCE)
        return lag <= self._longest_block, {"live": lag <= self._longest_block} | self._loop(lag)

    def ready(self) -> Answer:
        """Whether the worker takes jobs and is able to."""
        deadline = time.monotonic() + PATIENCE
        lag = self._sign.ask(PATIENCE)
        with self._state.changed:
            self._state.changed.wait_for(
                lambda: not self._state.is_due(), max(deadline - time.monotonic(), 0)
            )
        blocked = ["the event loop is blocked"] if lag >= PATIENCE else []
        reasons = self._state.reasons() + blocked
        about = {"ready": not reasons, "reasons": reasons} | self._state.details()
        return not reasons, about | self._loop(lag)

    def _loop(self, lag: float) -> dict[str, object]:
        about: dict[str, object] = {"loop_lag_seconds": round(lag, 4)}
        if lag >= PATIENCE:
            found = self._sign.culprit()
            about["blocked_by"] = {
                "job_id": found.job_id,
                "entrypoint": found.entrypoint,
                "place": found.place,
            }
        return about


@asynccontextmanager
async def serve_health(
    state: WorkerState, host: str, port: int, longest_block: float
) -> AsyncGenerator[None]:
    """Answer at `host` and `port` for as long as the block takes; raises HealthPortError."""
    probes = Probes(state, longest_block)
    paths = MappingProxyType({"/livez": probes.live, "/readyz": probes.ready})
    try:
        server = _server(host, port, partial(_Handler, paths))
    except OSError as error:
        raise HealthPortError(
            f"Port {port} of {host} can not be had for --health-port: {error.strerror or error}. "
            "Choose another port, or see who has it"
        ) from error
    thread = threading.Thread(target=server.serve_forever, name="pgqueuer-health", daemon=True)
    thread.start()
    shown = f"[{host}]" if ":" in host else host
    logger.info("Health at http://%s:%s/livez and /readyz", shown, server.server_address[1])
    try:
        yield
    finally:
        await asyncio.to_thread(server.shutdown)
        server.server_close()


class _Server(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that does not wait for its answer is nothing to worry about."""
        logger.debug("A health probe failed", exc_info=True)


class _Server6(_Server):
    address_family = socket.AF_INET6


def _server(host: str, port: int, handler: Callable[..., BaseHTTPRequestHandler]) -> _Server:
    family = _Server6 if ":" in host else _Server
    return family((host, port), handler)


class _Handler(BaseHTTPRequestHandler):
    server_version = "pgqueuer"
    sys_version = ""
    timeout = 5
    """Seconds that a client may take to say what it wants."""

    def __init__(self, paths: Mapping[str, Callable[[], Answer]], *args: Any) -> None:
        self._paths = paths
        super().__init__(*args)

    def do_GET(self) -> None:
        probe = self._paths.get(self.path.partition("?")[0])
        if probe is None:
            self._send(HTTPStatus.NOT_FOUND, {"error": f"ask for {' or '.join(self._paths)}"})
            return
        well, about = probe()
        self._send(HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE, about)

    do_HEAD = do_GET  # noqa: N815

    def _send(self, status: HTTPStatus, about: Mapping[str, object]) -> None:
        body = json.dumps(about).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        logger.debug("Health: " + format, *args)
