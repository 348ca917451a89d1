"""The messages that go over the notification channel, as JSON text.

`domain.models.AnyEvent` reads them back. A payload of NOTIFY has less than 8,000 bytes, so a
cancellation of many jobs is split.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from pgqueuer.domain.models import utc_now
from pgqueuer.domain.types import OPERATIONS, HealthCheckId, JobId

IDS_PER_MESSAGE = 300
"""Of 20 digits each, with room for the rest of the message."""


def table_changed(channel: str, table: str, operation: OPERATIONS) -> str:
    """Rows of `table` changed; the same keys as the trigger sends."""
    return json.dumps(
        {
            "channel": channel,
            "operation": operation,
            "sent_at": utc_now().isoformat(),
            "table": table.rpartition(".")[2],
            "type": "table_changed_event",
        }
    )


def cancellations(channel: str, ids: Sequence[JobId]) -> list[str]:
    """Whoever runs one of the jobs `ids` should stop; at least one message, even without ids."""
    sent_at = utc_now().isoformat()
    return [
        json.dumps(
            {
                "channel": channel,
                "sent_at": sent_at,
                "type": "cancellation_event",
                "received_at": sent_at,
                "ids": list(ids[start : start + IDS_PER_MESSAGE]),
            }
        )
        for start in range(0, max(len(ids), 1), IDS_PER_MESSAGE)
    ]


def health_check(channel: str, check_id: HealthCheckId) -> str:
    """A question to one's own listener."""
    sent_at = utc_now().isoformat()
    return json.dumps(
        {
            "channel": channel,
            "sent_at": sent_at,
            "type": "health_check_event",
            "received_at": sent_at,
            "id": str(check_id),
        }
    )
