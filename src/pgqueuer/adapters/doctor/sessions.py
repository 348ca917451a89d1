"""Checks of what stands between: whether notifications arrive, and whether sessions are kept."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

from pgqueuer.adapters.doctor.findings import Verdict, fail, ok, warn
from pgqueuer.adapters.doctor.patient import Patient
from pgqueuer.adapters.doctor.values import milliseconds, number
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.ports.driver import BackendIdentity, ListenerRemover

TURNS = 3
POOL_MODE = (
    "give workers a direct connection, or a pool with pool_mode=session; "
    "statements of a session and LISTEN get lost"
)


async def check_pooler(patient: Patient) -> AsyncIterator[Verdict]:
    """Whether a pooler hands one server process to several of our connections.

    A direct connection belongs to one process as long as it lasts. A pooler announces a number of
    its own, and in transaction mode two connections that take turns meet in one process.
    """
    seen, others = set[int](), set[int]()
    for _ in range(TURNS):
        seen.add(await _server_process(patient.queries))
        if patient.other is not None:
            others.add(await _server_process(patient.other))
    between = await _is_between(patient.queries)
    if seen & others or (between and len(seen) > 1):
        yield fail("a pooler changes the server process between transactions", POOL_MODE)
    elif between:
        yield ok("a pooler is in between and keeps sessions")
    elif between is None:
        yield ok("sessions are kept; the driver does not tell whether a pooler is in between")
    else:
        yield ok("none: the connection is direct")


async def _server_process(queries: Queries) -> int:
    [row] = await queries.driver.fetch(queries.statements["doctor_session"])
    return number(row["pid"])


async def _is_between(queries: Queries) -> bool | None:
    driver = queries.driver
    if not isinstance(driver, BackendIdentity):
        return None
    announced, actual = await driver.backend_pids()
    return announced != actual


async def check_listening(patient: Patient) -> AsyncIterator[Verdict]:
    """Whether a notification from another connection arrives on this one."""
    sender = patient.other or patient.queries
    channel = f"pgqueuer_doctor_{uuid4().hex[:12]}"
    took = await _send_and_hear(patient.queries, sender, channel, patient.limits.notification)
    if took is None:
        yield fail(
            f"no notification came within {patient.limits.notification.total_seconds():g} s",
            "connect workers without a pooler in transaction mode; until then they find jobs by "
            "polling only, every --dequeue-timeout seconds",
        )
    elif patient.other is None and not patient.listens_apart:
        yield warn(
            f"a notification came after {milliseconds(took)}, but over the same connection",
            "there was no second connection to send it over; if 'pgq doctor' says so too, see "
            "'connections'",
        )
    else:
        yield ok(f"a notification came after {milliseconds(took)}")


async def _send_and_hear(
    listener: Queries, sender: Queries, channel: str, patience: timedelta
) -> timedelta | None:
    heard = asyncio.Event()

    def hear(_payload: object) -> None:
        heard.set()

    await listener.driver.add_listener(channel, hear)
    try:
        started = time.perf_counter()
        await sender.driver.notify(channel, "ping")
        async with asyncio.timeout(patience.total_seconds()):
            await heard.wait()
        return timedelta(seconds=time.perf_counter() - started)
    except TimeoutError:
        return None
    finally:
        if isinstance(listener.driver, ListenerRemover):
            await listener.driver.remove_listener(channel, hear)
