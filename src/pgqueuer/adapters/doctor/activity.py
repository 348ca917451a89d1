"""Checks of who does what now: transactions that hold things up, and workers that are silent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import MappingProxyType

from pgqueuer.adapters.doctor.findings import Verdict, ok, warn
from pgqueuer.adapters.doctor.patient import Patient
from pgqueuer.adapters.doctor.values import counted, duration, number

STALE_JOBS = 1_000
REMEDIES = MappingProxyType(
    {
        "session": "end it where it was opened, or with SELECT pg_terminate_backend({id})",
        "prepared transaction": "COMMIT PREPARED '{id}' or ROLLBACK PREPARED '{id}'",
        "replication slot": "let its consumer catch up, or SELECT pg_drop_replication_slot('{id}')",
        "standby": "end long queries there, or turn hot_standby_feedback off",
    }
)


async def check_transactions(patient: Patient) -> AsyncIterator[Verdict]:
    """Whoever keeps dead rows from being removed, and locks from being released, the oldest first.

    Sessions, prepared transactions, replication slots and standbys. Without the privileges of
    pg_read_all_stats the ages of other users' sessions are counted in transactions only.
    """
    limits = patient.limits
    holders = await patient.rows("transactions")
    old = [
        holder
        for holder in holders
        if _seconds(holder) >= limits.transaction_age.total_seconds()
        or number(holder["held"]) > limits.transactions_held
    ]
    for holder in old:
        yield warn(_describe(holder), REMEDIES[str(holder["kind"])].format(id=holder["id"]))
    if not old:
        oldest = max(map(_seconds, holders), default=0.0)
        count = counted(len(holders), "other transaction")
        yield ok(f"{count} open" + (f", for {duration(max(oldest, 0))} at most" if holders else ""))


def _seconds(holder: dict[str, object]) -> float:
    """-1 when it is not known."""
    seconds = holder["seconds"]
    return float(seconds) if isinstance(seconds, int | float) else -1.0


def _describe(holder: dict[str, object]) -> str:
    parts = [f"{holder['kind']} {holder['id']}"]
    if holder["detail"]:
        parts.append(f"({holder['detail']})")
    if _seconds(holder) >= 0:
        parts.append(f"is open for {duration(_seconds(holder))}")
    if number(holder["held"]):
        joint = "and holds" if _seconds(holder) >= 0 else "holds"
        parts.append(f"{joint} dead rows of {counted(number(holder['held']), 'transaction')}")
    return " ".join(parts)


async def check_leases(patient: Patient) -> AsyncIterator[Verdict]:
    """Whether picked jobs have a worker that is alive."""
    silence = patient.limits.silence
    stale = await patient.queries.stale_jobs(silence, STALE_JOBS)
    if not stale:
        yield ok("no picked job has a silent worker")
        return
    entrypoints = sorted({job.entrypoint for job in stale})
    more = " at least" if len(stale) == STALE_JOBS else ""
    yield warn(
        f"{counted(len(stale), 'picked job')}{more} without a heartbeat for "
        f"{duration(silence.total_seconds())}: {', '.join(entrypoints[:5])}",
        "start a worker with these entrypoints, which takes them over; 'pgq stale' lists them",
    )
