"""A TCP proxy in front of a server, to cut connections and to keep back what is sent."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Cuttable:
    """Passes on to `target`, a port of this machine, until told otherwise."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._lock = threading.Lock()
        self._flowing = threading.Event()
        self._flowing.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def cut(self) -> int:
        """End every connection that is open; returns how many."""
        with self._lock:
            pairs = list(self._pairs)
        for pair in pairs:
            _end(*pair)
        return len(pairs)

    def hold_back(self) -> None:
        """Pass nothing on any more, and let nobody know."""
        self._flowing.clear()

    def flow(self) -> None:
        """Pass on again, what was kept back first."""
        self._flowing.set()

    def serve(self) -> None:
        """Accept until `close`; runs in a thread."""
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                client.close()
                continue
            self._join(client, server)

    def _join(self, client: socket.socket, server: socket.socket) -> None:
        with self._lock:
            self._pairs.add((client, server))
        for source, sink in ((client, server), (server, client)):
            pump = threading.Thread(
                target=self._pump, args=(source, sink, (client, server)), daemon=True
            )
            pump.start()

    def _pump(
        self,
        source: socket.socket,
        sink: socket.socket,
        pair: tuple[socket.socket, socket.socket],
    ) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self._flowing.wait()
                sink.sendall(data)
        _end(*pair)
        with self._lock:
            known = pair in self._pairs
            self._pairs.discard(pair)
        if not known:
            for each in pair:
                each.close()

    def close(self) -> None:
        """Accept nothing more, and end what is open."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.flow()
        self.cut()


def _end(*connections: socket.socket) -> None:
    for connection in connections:
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def cuttable(target: int) -> Iterator[Cuttable]:
    """A proxy for the block."""
    proxy = Cuttable(target)
    thread = threading.Thread(target=proxy.serve, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.close()
        thread.join()
