"""Feeds what a worker reads from others to it, with atheris: `python scripts/fuzz.py [OPTIONS]`.

The options are those of libFuzzer, such as `-max_total_time=600`. Needs `pip install atheris`. It
ends with a traceback when something raises that must not. The tests do the same with Hypothesis.
"""

from __future__ import annotations

import asyncio
import logging
import sys

import atheris

with atheris.instrument_imports(include=["pgqueuer"]):
    from pydantic import ValidationError

    from pgqueuer.core.listeners import (
        PGNoticeEventListener,
        default_event_router,
        notice_callback,
    )
    from pgqueuer.core.payloads import make_codec
    from pgqueuer.domain.errors import InvalidPayloadError
    from pgqueuer.domain.models import Context, Job, TracebackRecord, utc_now

NOW = utc_now()
ROW = {
    "id": 1, "priority": 0, "created": NOW, "updated": NOW, "heartbeat": NOW, "execute_after": NOW,
    "status": "picked", "entrypoint": "job", "payload": None, "queue_manager_id": None,
}  # fmt: skip
CODEC = make_codec(TracebackRecord)


def hear(data: bytes) -> None:
    """A notification."""
    contexts = {number: Context() for number in range(3)}
    router = default_event_router(
        notice_event_queue=PGNoticeEventListener(), canceled=contexts, pending_health_check={}
    )
    failures = list[logging.LogRecord]()
    handler = logging.Handler()
    handler.emit = failures.append  # type: ignore[method-assign]
    log = logging.getLogger("pgqueuer")
    log.addHandler(handler)
    notice_callback(router, on_operation=lambda operation: None)(data.decode(errors="replace"))
    log.removeHandler(handler)
    if any(record.exc_info for record in failures):
        raise AssertionError(failures)


def read(data: bytes) -> None:
    """The headers of a row, and a typed payload."""
    try:
        Job.model_validate(ROW | {"headers": data.decode(errors="replace"), "payload": data})
    except ValidationError:
        pass
    try:
        CODEC.decode(data)
    except InvalidPayloadError:
        pass


def fuzz(data: bytes) -> None:
    hear(data)
    read(data)


if __name__ == "__main__":
    asyncio.set_event_loop(asyncio.new_event_loop())
    atheris.Setup(sys.argv, fuzz)
    atheris.Fuzz()
