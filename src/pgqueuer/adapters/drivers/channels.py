"""Who wants to hear what."""

from __future__ import annotations

from pgqueuer.core.logconfig import logger
from pgqueuer.ports.driver import NotifyCallback


class Channels:
    """The callbacks of each channel, in the order in which they were added, each once."""

    def __init__(self) -> None:
        self._callbacks: dict[str, list[NotifyCallback]] = {}

    @property
    def names(self) -> list[str]:
        """The channels that somebody listens on."""
        return list(self._callbacks)

    def add(self, channel: str, callback: NotifyCallback) -> bool:
        """Tell whether it is the first callback of its channel; one already there is not added."""
        callbacks = self._callbacks.setdefault(channel, [])
        if callback in callbacks:
            return False
        callbacks.append(callback)
        return len(callbacks) == 1

    def remove(self, channel: str, callback: NotifyCallback) -> bool:
        """Tell whether it was the last callback of its channel; unknown ones are ignored."""
        callbacks = self._callbacks.get(channel, [])
        if callback not in callbacks:
            return False
        callbacks.remove(callback)
        if callbacks:
            return False
        del self._callbacks[channel]
        return True

    def clear(self) -> None:
        """Forget all callbacks."""
        self._callbacks.clear()

    def deliver(self, channel: str, payload: str) -> None:
        """Call each callback of `channel`; one that raises is logged and stops no other."""
        for callback in tuple(self._callbacks.get(channel, ())):
            try:
                callback(payload)
            except Exception:
                logger.exception("A listener on channel %r failed", channel)
