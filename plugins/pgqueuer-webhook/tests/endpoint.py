"""A real HTTP server that answers as it is told and keeps what it got."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Self

Reply = tuple[int, dict[str, str]]


class Endpoint(ThreadingHTTPServer):
    """Answers with each of `replies` in turn, then with 204; a reply of None hangs."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Request)
        self.replies: list[Reply | None] = []
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.accepted: list[dict[str, object]] = []
        self.closing = Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/private-path"

    @property
    def jobs(self) -> list[dict[str, object]]:
        return [job for message in self.accepted for job in message["data"]["jobs"]]

    def __enter__(self) -> Self:
        self._thread = Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self.shutdown()
        self._thread.join()
        self.server_close()


class Request(BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.requests.append(({k.lower(): v for k, v in self.headers.items()}, body))
        reply = self.server.replies.pop(0) if self.server.replies else (204, {})
        if reply is None:
            self.server.closing.wait(30)
            self.close_connection = True
            return
        status, headers = reply
        if 200 <= status < 300:
            self.server.accepted.append(json.loads(body))
        text = b"thank you" if status == 200 else b""
        self.send_response(status)
        for name, value in ({"content-length": str(len(text))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args: object) -> None: ...


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.01)
