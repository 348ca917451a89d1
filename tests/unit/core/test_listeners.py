from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest

from pgqueuer.core.listeners import (
    EventRouter,
    PGNoticeEventListener,
    default_event_router,
    initialize_notice_event_listener,
    notice_callback,
    wait_for_notice_event,
)
from pgqueuer.domain.events import cancellations, health_check, table_changed
from pgqueuer.domain.models import (
    AnyEvent,
    CancellationEvent,
    Context,
    HealthCheckEvent,
    TableChangedEvent,
)
from pgqueuer.domain.types import Channel, HealthCheckId, JobId
from pgqueuer.ports.driver import NotifyCallback

CHECK = HealthCheckId(uuid.uuid4())
INSERTED = table_changed("ch", "pgqueuer", "insert")
CANCELED = cancellations("ch", [JobId(1), JobId(2)])[0]
CHECKED = health_check("ch", CHECK)

# What the trigger of 1.x sends: json_build_object puts a space before each colon.
SPACED = (
    '{"channel" : "ch_pgqueuer", "operation" : "delete", '
    '"sent_at" : "2024-01-01T00:00:00.123456+00:00", "table" : "pgqueuer", '
    '"type" : "table_changed_event"}'
)


class ListeningDriver:
    def __init__(self) -> None:
        self.listeners: list[tuple[str, NotifyCallback]] = []

    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        self.listeners.append((channel, callback))


def recording_router() -> tuple[EventRouter, list[object]]:
    seen: list[object] = []
    return EventRouter(seen.append, seen.append, seen.append), seen


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        (INSERTED, TableChangedEvent),
        (SPACED, TableChangedEvent),
        (CANCELED, CancellationEvent),
        (CHECKED, HealthCheckEvent),
    ],
    ids=["inserted", "spaced", "canceled", "checked"],
)
@pytest.mark.parametrize("as_type", [str, str.encode, lambda text: bytearray(text.encode())])
def test_each_event_goes_to_the_handler_of_its_type(
    payload: str, kind: type, as_type: Callable[[str], str | bytes | bytearray]
) -> None:
    calls: list[tuple[type, object]] = []
    router = EventRouter(
        on_table_changed=lambda event: calls.append((TableChangedEvent, event)),
        on_cancellation=lambda event: calls.append((CancellationEvent, event)),
        on_health_check=lambda event: calls.append((HealthCheckEvent, event)),
    )
    notice_callback(router)(as_type(payload))
    [(handler, event)] = calls
    assert handler is kind
    assert isinstance(event, kind)


async def test_initializing_listens_on_the_channel() -> None:
    driver = ListeningDriver()
    router, seen = recording_router()
    await initialize_notice_event_listener(driver, Channel("ch"), router)  # type: ignore[arg-type]
    [(channel, callback)] = driver.listeners
    callback(INSERTED)
    assert channel == "ch"
    assert len(seen) == 1


@pytest.mark.parametrize(
    "payload",
    ["", "no json", "[]", '{"type": "other"}', INSERTED.replace("insert", "vacuum"), b"\xff\xfe"],
    ids=["empty", "no json", "a list", "another type", "another operation", "no text"],
)
def test_what_is_no_event_is_logged_without_its_content(
    payload: str | bytes, caplog: pytest.LogCaptureFixture
) -> None:
    router, seen = recording_router()
    notice_callback(router)(payload)
    assert seen == []
    [record] = caplog.records
    assert record.levelname == "CRITICAL"
    assert "no event" in record.getMessage()


def test_a_payload_is_never_logged_in_full(caplog: pytest.LogCaptureFixture) -> None:
    secret = "s3cr3t" * 50
    notice_callback(lambda event: None)(json.dumps({"type": "other", "token": secret}))
    notice_callback(lambda event: None)(secret)
    assert len(caplog.records) == 2
    assert "s3cr3t" not in caplog.text


def test_an_error_of_the_handler_is_logged_and_not_raised(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(event: AnyEvent) -> None:
        raise LookupError("broken handler")

    notice_callback(fail)(INSERTED)
    [record] = caplog.records
    assert record.levelname == "CRITICAL"
    assert "broken handler" in caplog.text


@pytest.mark.parametrize(
    "payload",
    [INSERTED, INSERTED.encode(), SPACED, SPACED.encode()],
    ids=["inserted", "inserted bytes", "spaced", "spaced bytes"],
)
def test_the_short_way_gives_the_operation_and_makes_no_event(payload: str | bytes) -> None:
    router, seen = recording_router()
    operations: list[str] = []
    notice_callback(router, on_operation=operations.append)(payload)
    assert seen == []
    assert operations == [json.loads(payload)["operation"]]


@pytest.mark.parametrize(
    "payload", [CANCELED, CHECKED, "no json"], ids=["canceled", "checked", "no json"]
)
def test_the_short_way_is_for_changes_only(payload: str) -> None:
    router, seen = recording_router()
    operations: list[str] = []
    notice_callback(router, on_operation=operations.append)(payload)
    assert operations == []
    assert len(seen) == (payload != "no json")


def test_a_channel_called_like_the_event_does_not_take_the_short_way() -> None:
    router, seen = recording_router()
    operations: list[str] = []
    payload = cancellations("table_changed_event", [JobId(1)])[0]
    notice_callback(router, on_operation=operations.append)(payload)
    assert operations == []
    assert len(seen) == 1


def test_an_error_on_the_short_way_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def fail(operation: str) -> None:
        raise LookupError("broken handler")

    notice_callback(lambda event: None, on_operation=fail)(INSERTED)
    assert "broken handler" in caplog.text


async def test_the_default_router_serves_a_worker() -> None:
    queue = PGNoticeEventListener()
    running = {JobId(2): Context(), JobId(3): Context()}
    answer: asyncio.Future[HealthCheckEvent] = asyncio.get_running_loop().create_future()
    receive = notice_callback(
        default_event_router(
            notice_event_queue=queue, canceled=running, pending_health_check={CHECK: answer}
        )
    )
    for payload in (INSERTED, CANCELED, CHECKED, CHECKED, health_check("ch", _other_check())):
        receive(payload)
    assert queue.get_nowait().operation == "insert"
    assert [running[JobId(2)].canceled, running[JobId(3)].canceled] == [True, False]
    assert (await answer).id == CHECK


def _other_check() -> HealthCheckId:
    return HealthCheckId(uuid.uuid4())


async def test_waiting_ends_with_the_next_event() -> None:
    queue = PGNoticeEventListener()
    task = wait_for_notice_event(queue, timedelta(hours=1))
    await asyncio.sleep(0)
    queue.put_nowait(AnyEvent.model_validate_json(INSERTED).root)  # type: ignore[arg-type]
    event = await task
    assert event is not None
    assert event.table == "pgqueuer"


async def test_waiting_gives_up_after_the_timeout() -> None:
    assert await wait_for_notice_event(PGNoticeEventListener(), timedelta(milliseconds=1)) is None
