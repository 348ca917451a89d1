"""Public name of the queue manager."""

from pgqueuer.core.qm import QueueManager

__all__ = ["QueueManager"]
