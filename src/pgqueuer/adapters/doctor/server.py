"""Checks of the server and the way to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

from pgqueuer.adapters.doctor.findings import Verdict, fail, ok, warn
from pgqueuer.adapters.doctor.patient import Patient
from pgqueuer.adapters.doctor.values import counted, milliseconds, number

OLDEST = 14
NEWEST = 18
ROUND_TRIPS = 5


async def check_connection(patient: Patient) -> AsyncIterator[Verdict]:
    """Whether statements get there and may write, and how long one takes."""
    server = await patient.row("server")
    latency, _ = await _round_trip(patient)
    if server["read_only"]:
        why = "a standby" if server["standby"] else "default_transaction_read_only is on"
        yield fail(f"the server takes no writes ({why})", "connect to the primary")
    elif latency > patient.limits.latency:
        yield warn(
            f"a round trip takes {milliseconds(latency)}",
            "run workers near the server; each claim and each outcome is a round trip",
        )
    else:
        yield ok(f"{server['database']} as {server['role']}, round trip {milliseconds(latency)}")


async def _round_trip(patient: Patient) -> tuple[timedelta, timedelta]:
    """The quickest of some round trips, and by how much the server's clock is ahead."""
    return min([await _one_round_trip(patient) for _ in range(ROUND_TRIPS)])


async def _one_round_trip(patient: Patient) -> tuple[timedelta, timedelta]:
    sent = patient.now()
    there = (await patient.row("clock"))["now"]
    took = patient.now() - sent
    if not isinstance(there, datetime):
        raise TypeError(f"the driver gave the time as {type(there).__name__}")
    return took, there - (sent + took / 2)


async def check_version(patient: Patient) -> AsyncIterator[Verdict]:
    """Whether PgQueuer is made for this PostgreSQL."""
    server = await patient.row("server")
    major = number(server["number"]) // 10_000
    if major < OLDEST:
        yield fail(f"PostgreSQL {server['version']} is too old", f"use {OLDEST} to {NEWEST}")
    elif major > NEWEST:
        yield warn(
            f"PostgreSQL {server['version']} is newer than this release was tested with",
            f"upgrade pgqueuer, or use PostgreSQL {OLDEST} to {NEWEST}",
        )
    else:
        yield ok(f"PostgreSQL {server['version']}")


async def check_clock(patient: Patient) -> AsyncIterator[Verdict]:
    """Whether the clocks of this machine and of the server agree."""
    took, ahead = await _round_trip(patient)
    # Where in the round trip the server looked at its clock is not known.
    certain = abs(ahead) - took / 2
    if certain > patient.limits.clock_difference:
        direction = "ahead of" if ahead > timedelta(0) else "behind"
        yield warn(
            f"the server's clock is {certain.total_seconds():.1f} s {direction} this machine's",
            "synchronize both with NTP; the times in the tables are the server's",
        )
    else:
        yield ok(f"differs from the server's by {milliseconds(abs(ahead) + took / 2)} at most")


async def check_connections(patient: Patient) -> AsyncIterator[Verdict]:
    """Whether there is room for more connections."""
    found = await patient.row("connections")
    used, allowed = number(found["used"]), number(found["allowed"])
    if used > allowed * patient.limits.connections_used:
        yield warn(
            f"{used} of {counted(allowed, 'connection')} in use",
            "end idle ones, make pools smaller or raise max_connections",
        )
    else:
        yield ok(f"{used} of {allowed} in use")
