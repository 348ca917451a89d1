"""The in-memory backlog keeps claim order, whatever happens to its jobs meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from pgqueuer.adapters.inmemory.queries.backlog import Backlog, Row

NOW = datetime(2030, 1, 1, tzinfo=UTC)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "claim", "retry", "raise", "cancel", "wait"]),
        st.integers(0, 30),
    ),
    max_size=60,
)


def make_row(job_id: int, priority: int, delay: int) -> Row:
    return Row(
        id=job_id,
        entrypoint="work",
        priority=priority,
        payload=None,
        headers=None,
        dedupe_key=None,
        created=NOW,
        updated=NOW,
        heartbeat=NOW,
        execute_after=NOW + timedelta(seconds=delay),
    )


@given(STEPS)
def test_the_head_is_always_the_first_due_job(steps):
    backlog, rows, now = Backlog(), [], NOW
    for step, number in steps:
        row = rows[number % len(rows)] if rows else None
        if step == "add":
            rows.append(make_row(len(rows), number % 3, number % 5))
            backlog.add(rows[-1])
        elif step == "wait":
            now += timedelta(seconds=number)
        elif row is None:
            continue
        elif step == "claim" and (head := backlog.head(now)) is not None:
            head.status = "picked"
        elif step == "retry" and row.status == "picked":
            row.status = "queued"
            row.execute_after = now + timedelta(seconds=number % 4)
            backlog.add(row)
        elif step == "raise" and row.status == "queued":
            row.priority += 1
            backlog.add(row)
        elif step == "cancel":
            row.status = "canceled"

        queued = [row for row in rows if row.status == "queued"]
        due = [row for row in queued if row.execute_after <= now]
        later = [row.execute_after for row in queued if row.execute_after > now]
        assert backlog.head(now) is min(due, key=lambda row: (-row.priority, row.id), default=None)
        assert backlog.next_due(now) == min(later, default=None)
