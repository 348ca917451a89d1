"""The class of the asyncpg connections that the library opens itself."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg

from pgqueuer.adapters.drivers.keepalive import keep_alive


class KeptAliveConnection(asyncpg.Connection):
    """An asyncpg connection with TCP keepalives, which asyncpg has no parameters for."""

    def __init__(
        self, protocol: Any, transport: asyncio.BaseTransport, *args: Any, **kwargs: Any
    ) -> None:
        super().__init__(protocol, transport, *args, **kwargs)
        keep_alive(transport)
