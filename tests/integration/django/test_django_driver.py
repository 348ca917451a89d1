"""The queue over Django's connections, as plain jobs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from pgqueuer.errors import DuplicateJobError
from tests.support.django_site import shop_on

pytest.importorskip("django")


@pytest.fixture(params=[{}, {"TIME_ZONE": "Asia/Kathmandu"}], ids=["UTC", "another time zone"])
def site(request: pytest.FixtureRequest, queue_dsn: str) -> Iterator[None]:
    with shop_on(queue_dsn, **request.param):
        yield


@pytest.mark.usefixtures("site")
def test_a_job_follows_the_transaction_of_django() -> None:
    from django.db import transaction

    from pgqueuer.adapters.django import queue

    jobs = queue()
    with transaction.atomic():
        jobs.enqueue("ship", b"1")
        transaction.set_rollback(True)
    assert jobs.queue_size() == []
    with transaction.atomic():
        [job_id] = jobs.enqueue("ship", b"2", headers={"a": 1})
    job = jobs.queue_job_by_id(job_id)
    assert job is not None
    assert (job.payload, job.headers) == (b"2", {"a": 1})
    assert [row.status for row in jobs.job_log_history(job_id)] == ["queued"]


@pytest.mark.usefixtures("site")
def test_times_are_those_of_the_database() -> None:
    from django.db import connection

    from pgqueuer.adapters.django import queue

    [job_id] = queue().enqueue("ship", None)
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM created) FROM pgqueuer")
        [seconds] = cursor.fetchone()
    job = queue().queue_job_by_id(job_id)
    assert job is not None
    assert job.created.timestamp() == pytest.approx(float(seconds), abs=0.001)


@pytest.mark.usefixtures("site")
def test_a_taken_key_is_named_and_leaves_the_transaction_usable() -> None:
    from django.db import transaction

    from pgqueuer.adapters.django import queue

    with transaction.atomic():
        queue().enqueue("sync", None, dedupe_key="a")
        with pytest.raises(DuplicateJobError) as refused:
            queue().enqueue("sync", None, dedupe_key="a")
        assert refused.value.dedupe_key == ["a"]
        queue().enqueue("sync", None, dedupe_key="b")
    assert sum(row.count for row in queue().queue_size()) == 2


@pytest.mark.usefixtures("site")
def test_errors_are_those_of_django() -> None:
    from django.db import ProgrammingError, transaction
    from django.db.transaction import TransactionManagementError

    from pgqueuer.adapters.django import queue

    with pytest.raises(ProgrammingError, match="nowhere"), transaction.atomic():
        queue().driver.fetch("SELECT * FROM nowhere")
    with transaction.atomic():
        transaction.set_rollback(True)
        with pytest.raises(TransactionManagementError):
            queue().enqueue("ship", None)


@pytest.mark.usefixtures("site")
def test_each_thread_enqueues_over_its_own_connection() -> None:
    from django.db import connection, transaction

    from pgqueuer.adapters.django import queue

    jobs = queue()

    def elsewhere() -> None:
        jobs.enqueue("ship", b"elsewhere")
        connection.close()
        jobs.enqueue("ship", b"again")
        connection.close()

    with transaction.atomic():
        jobs.enqueue("ship", b"here")
        asyncio.run(asyncio.to_thread(elsewhere))
        transaction.set_rollback(True)
    [waiting] = jobs.queue_size()
    assert waiting.count == 2


def test_another_database_is_refused_with_what_it_is() -> None:
    from django.core.exceptions import ImproperlyConfigured
    from django.db import connections

    from pgqueuer.adapters.django import queue
    from tests.support.django_site import start_django

    start_django()
    sqlite = {**connections.settings["default"], "ENGINE": "django.db.backends.sqlite3"}
    connections.settings["other"] = {**sqlite, "NAME": ":memory:"}
    try:
        with pytest.raises(ImproperlyConfigured, match="'other' is sqlite"):
            queue("other").enqueue("ship", None)
    finally:
        del connections.settings["other"]
