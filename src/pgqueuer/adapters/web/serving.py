"""A server for the web page, which ends the streams of open pages when it is stopped."""

from __future__ import annotations

import socket
from typing import Final

import uvicorn
from fastapi import FastAPI

from pgqueuer.adapters.web.sse import Broadcaster

SHUTDOWN_SECONDS: Final = 5


class PageServer(uvicorn.Server):
    """Serves the web page, on a free local port unless `run` is given sockets.

    Without this an open page would hold up the end: its stream of events has none.
    """

    def __init__(self, application: FastAPI, *, level: str) -> None:
        super().__init__(
            uvicorn.Config(
                application,
                port=0,
                log_level=level.lower(),
                access_log=False,
                timeout_graceful_shutdown=SHUTDOWN_SECONDS,
            )
        )
        self._application = application

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, then everything else."""
        broadcaster = getattr(self._application.state, "pgq_broadcaster", None)
        if isinstance(broadcaster, Broadcaster):
            broadcaster.close()
        await super().shutdown(sockets)
