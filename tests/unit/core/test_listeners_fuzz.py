"""Whatever arrives on the channel, a worker does no more than it says."""

from __future__ import annotations

import asyncio
import json
from uuid import UUID

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pgqueuer.core.listeners import (
    PGNoticeEventListener,
    default_event_router,
    notice_callback,
)
from pgqueuer.domain.events import cancellations, health_check
from pgqueuer.domain.models import Context
from pgqueuer.domain.types import HealthCheckId, JobId

RUNNING = range(1, 6)
KEYS = ("type", "channel", "sent_at", "operation", "table", "ids", "id")
WORDS = (
    "table_changed_event", "cancellation_event", "health_check_event", "insert", "delete", "ch",
    "2024-01-01T00:00:00+00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1", "",
    "00000000-0000-0000-0000-000000000000",
)  # fmt: skip
SCALARS = (
    st.sampled_from(WORDS)
    | st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.sampled_from([*RUNNING])
    | st.floats()
    | st.text(max_size=5)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=3), inner, max_size=7)
    ),
    max_leaves=12,
)
EVENTS = st.fixed_dictionaries(
    {
        "type": st.sampled_from(WORDS[:3]),
        "channel": st.just("ch"),
        "sent_at": st.sampled_from(WORDS[6:9]),
    },
    optional={"operation": VALUES, "table": VALUES, "ids": VALUES, "id": VALUES},
)
DEEP = ("[" * 7000, "[" * 3999 + "]" * 3999, '{"a":' * 1500, '{"type":' * 1000 + "1" + "}" * 1000)
PAYLOADS = (
    st.text(max_size=200)
    | st.binary(max_size=200)
    | VALUES.map(json.dumps)
    | EVENTS.map(json.dumps)
    | st.sampled_from(DEEP)
)


def hear(payload: str | bytes) -> tuple[set[int], list[str], bool]:
    """The jobs that are canceled, the operations that are told, and whether a check is answered."""
    contexts = {JobId(number): Context() for number in RUNNING}
    check = HealthCheckId(UUID(int=0))
    loop = asyncio.new_event_loop()
    try:
        answer = loop.create_future()
        router = default_event_router(
            notice_event_queue=PGNoticeEventListener(),
            canceled=contexts,
            pending_health_check={check: answer},
        )
        operations: list[str] = []
        notice_callback(router, on_operation=operations.append)(payload)
        return {job for job, each in contexts.items() if each.canceled}, operations, answer.done()
    finally:
        loop.close()


def listed(payload: str | bytes) -> set[int]:
    """The running jobs that an event lists as to be canceled."""
    try:
        event = json.loads(payload)
    except (ValueError, RecursionError):
        return set()
    if not isinstance(event, dict) or event.get("type") != "cancellation_event":
        return set()
    ids = event.get("ids")
    whole = [each for each in ids if type(each) is int] if isinstance(ids, list) else []
    return set(whole) & set(RUNNING)


@settings(max_examples=500, deadline=None)
@given(PAYLOADS)
@example(
    json.dumps(
        {
            "type": "cancellation_event",
            "channel": "ch",
            "sent_at": WORDS[6],
            "ids": [1, True, "2", 3.0],
        }
    )
)
def test_nothing_is_raised_and_no_more_is_canceled_than_is_listed(payload: str | bytes) -> None:
    canceled, operations, _ = hear(payload)
    assert canceled <= listed(payload)
    assert len(operations) <= 1


@given(st.sets(st.sampled_from([*RUNNING]) | st.integers(6, 2**63 - 1), max_size=2000))
def test_what_is_listed_is_canceled(ids: set[int]) -> None:
    canceled = set[int]()
    for message in cancellations("ch", [JobId(each) for each in ids]):
        canceled |= hear(message)[0]
    assert canceled == ids & set(RUNNING)


@pytest.mark.parametrize("looks_like", ["1", 1.0, True, None, [1], {"id": 1}, 1.5, -1, 2**63 + 1])
def test_what_only_looks_like_an_id_cancels_nothing(looks_like: object) -> None:
    (message,) = cancellations("ch", [JobId(1)])
    assert hear(message)[0] == {1}
    event = json.loads(message) | {"ids": [looks_like]}
    assert hear(json.dumps(event))[0] == set()


def test_only_the_own_check_is_answered() -> None:
    for last, answered in ((0, True), (1, False)):
        assert hear(health_check("ch", HealthCheckId(UUID(int=last))))[2] is answered


def test_a_flood_of_garbage_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    receive = notice_callback(lambda event: None)
    for number in range(1000):
        receive(f"garbage {number}")
    assert len(caplog.records) == 1


def test_the_reasons_that_are_told_are_few(caplog: pytest.LogCaptureFixture) -> None:
    event = {
        "type": "cancellation_event",
        "channel": "ch",
        "sent_at": "never",
        "ids": ["s3cr3t"] * 900,
    }
    notice_callback(lambda event: None)(json.dumps(event))
    assert len(caplog.text) < 1000
    assert "s3cr3t" not in caplog.text
