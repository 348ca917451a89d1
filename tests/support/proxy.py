"""A network between worker and server that can fail: a TCP proxy in a thread."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from psycopg.conninfo import conninfo_to_dict

from tests.support.postgres import to_uri

AT_ONCE = struct.pack("ii", 1, 0)
"""SO_LINGER that makes closing send RST instead of FIN."""


class Link:
    """A client's connection and the one to the server behind it."""

    def __init__(self, *writers: asyncio.StreamWriter) -> None:
        self.writers = writers
        self.silent = False

    async def pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        """Pass on what comes; once the link is silent, nothing, not even its end."""
        with suppress(ConnectionError):
            while data := await source.read(65536):
                if not self.silent:
                    target.write(data)
                    await target.drain()
        if not self.silent:
            target.close()

    def reset(self) -> None:
        """End both connections as a router does that has forgotten them."""
        for writer in self.writers:
            connected = writer.get_extra_info("socket")
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
            writer.transport.abort()


class Proxy:
    """Passes connections on to the server that a DSN names; `port` is its own, on 127.0.0.1."""

    def __init__(self, dsn: str) -> None:
        self._server_of = conninfo_to_dict(dsn)
        self._links: set[Link] = set()
        self._open = asyncio.Event()
        self._server: asyncio.Server
        self._loop = asyncio.new_event_loop()
        self.port = 0

    def cut(self) -> None:
        """Drop all packets, of new connections too; those there are now never recover."""
        self._run(self._cut())

    def mend(self) -> None:
        """Let new connections through again."""
        self._run(self._mend())

    def reset(self) -> None:
        """Reset every connection."""
        self._run(self._reset())

    async def _cut(self) -> None:
        self._open.clear()
        for link in self._links:
            link.silent = True

    async def _mend(self) -> None:
        self._open.set()

    async def _reset(self) -> None:
        for link in self._links:
            link.reset()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._open.wait()
            upstream, downstream = await self._connect()
        except BaseException as error:
            writer.transport.abort()
            if not isinstance(error, OSError):
                raise
            return
        link = Link(writer, downstream)
        self._links.add(link)
        try:
            await asyncio.gather(link.pump(reader, downstream), link.pump(upstream, writer))
        finally:
            self._links.discard(link)
            for end in link.writers:
                end.transport.abort()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, port = str(self._server_of["host"]), self._server_of["port"]
        if host.startswith("/"):
            return await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        return await asyncio.open_connection(host, int(port))

    def dsn(self) -> str:
        """The DSN of the same database through the proxy."""
        return to_uri({**self._server_of, "host": "127.0.0.1", "port": self.port})

    async def _start(self) -> None:
        self._open.set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _end(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0)  # transports close their sockets

    @contextmanager
    def running(self) -> Iterator[Proxy]:
        """Serve for the block."""
        thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        thread.start()
        try:
            self._run(self._start())
            yield self
        finally:
            self._run(self._end())
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join(30)
            self._loop.close()
