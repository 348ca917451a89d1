"""The in-memory log keeps its newest rows, and its statistics count all of them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pgqueuer.adapters.inmemory.queries.backlog import Row
from pgqueuer.adapters.inmemory.queries.history import History

NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def record_jobs():
    def record(history: History, ids: range) -> None:
        for job_id in ids:
            row = Row(job_id, "work", 0, None, None, None, NOW, NOW, NOW, NOW)
            history.record(row, None)

    return record


def test_the_oldest_rows_are_dropped_and_stay_counted(record_jobs):
    history = History(retained=10)

    record_jobs(history, range(1, 100))

    kept = [entry.job_id for entry in history.entries]
    assert kept == list(range(kept[0], 100))
    assert 10 <= len(kept) <= 20
    assert sum(history.totals(None).values()) == 99


def test_a_dropped_row_is_gone_from_its_job_too(record_jobs):
    history = History(retained=10)

    record_jobs(history, range(1, 100))

    assert list(history.of_job(1)) == []
    assert [entry.job_id for entry in history.of_job(99)] == [99]
    assert len(list(history.jobs())) == len(history.entries)


def test_rows_that_are_kept_are_counted_once_after_others_were_dropped(record_jobs):
    history = History(retained=10)
    record_jobs(history, range(1, 26))
    history.fold()
    record_jobs(history, range(26, 31))

    assert sum(history.totals(None).values()) == 30
    assert history.unfolded == []
