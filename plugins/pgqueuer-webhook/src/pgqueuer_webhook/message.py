"""What is posted; the README describes it field by field."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypedDict

from pgqueuer_webhook.signing import Keys, sign

VERSION: Final = 1
TYPE: Final = "pgqueuer.jobs"


class JobEvent(TypedDict):
    """What became of a job, as it is posted; the options add to it."""

    event_id: int
    job_id: int
    entrypoint: str
    outcome: str
    at: str
    priority: int
    error: dict[str, str] | None


@dataclass(frozen=True, slots=True)
class Message:
    """A body and its id, which is the same for the same events, however often they are sent."""

    id: str
    body: bytes

    def headers(self, keys: Keys) -> dict[str, str]:
        """The headers of one attempt, signed now."""
        now = int(time.time())
        return {
            "content-type": "application/json",
            "user-agent": "pgqueuer-webhook",
            "webhook-id": self.id,
            "webhook-timestamp": str(now),
            "webhook-signature": sign(keys, self.id, now, self.body),
        }


def make_message(name: str, events: Sequence[JobEvent]) -> Message:
    """One message about `events`, of which there is at least one."""
    content = {
        "type": TYPE,
        "version": VERSION,
        "timestamp": max(event["at"] for event in events),
        "data": {"source": name, "jobs": events},
    }
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    return Message("msg_" + hashlib.sha256(body).hexdigest()[:32], body)


def sample() -> Message:
    """What `pgq webhook test` sends; job 0 is nobody's."""
    event = JobEvent(
        event_id=0,
        job_id=0,
        entrypoint="webhook-test",
        outcome="failed",
        at=time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime()),
        priority=0,
        error={"type": "SampleError", "message": "This is a test; no job failed."},
    )
    return make_message("test", [event])
