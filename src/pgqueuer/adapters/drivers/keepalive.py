"""TCP keepalives: a server that vanished is noticed within about a minute, not after hours."""

from __future__ import annotations

import asyncio
import socket
from typing import Final

IDLE_SECONDS: Final = 30
INTERVAL_SECONDS: Final = 10
PROBES: Final = 3
UNACKNOWLEDGED_MILLISECONDS: Final = 60_000

_SOCKET_OPTIONS: Final = {
    "TCP_KEEPIDLE": IDLE_SECONDS,
    "TCP_KEEPINTVL": INTERVAL_SECONDS,
    "TCP_KEEPCNT": PROBES,
    "TCP_USER_TIMEOUT": UNACKNOWLEDGED_MILLISECONDS,
}


def libpq_parameters() -> dict[str, str]:
    """The same for libpq, which has no effect on Unix sockets."""
    return {
        "keepalives": "1",
        "keepalives_idle": str(IDLE_SECONDS),
        "keepalives_interval": str(INTERVAL_SECONDS),
        "keepalives_count": str(PROBES),
        "tcp_user_timeout": str(UNACKNOWLEDGED_MILLISECONDS),
    }


def keep_alive(transport: asyncio.BaseTransport) -> None:
    """Set the options that this platform has; nothing on Unix sockets."""
    connected = transport.get_extra_info("socket")
    if connected is None or connected.family not in (socket.AF_INET, socket.AF_INET6):
        return
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _SOCKET_OPTIONS.items():
        option = getattr(socket, name, None)
        if option is not None:
            connected.setsockopt(socket.IPPROTO_TCP, option, value)
