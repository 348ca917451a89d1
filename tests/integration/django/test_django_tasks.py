"""The Django guide's shop: tasks in Django's transactions, and a real `pgq run` for them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest

from tests.support.cli import pgq_running
from tests.support.django_site import shop_on
from tests.support.documents import EXAMPLES
from tests.support.waiting import wait_until

pytest.importorskip("django")
ENVIRONMENT = {"DJANGO_SETTINGS_MODULE": "shop.settings"}


@pytest.fixture
def shop(dsn: str) -> Iterator[str]:
    """The shop with its tables and the queue, made by its own migration."""
    with shop_on(dsn):
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        yield dsn


def worker(dsn: str, *args: str):
    """A `pgq run` of the worker that comes with the library."""
    return pgq_running(
        "run", "pgqueuer.adapters.django:worker", *args, dsn=dsn, env=ENVIRONMENT, cwd=EXAMPLES
    )


def post(path: str, **data: object) -> dict[str, object]:
    from django.test import Client

    answer = Client().post(path, data)
    assert answer.status_code == 200
    return json.loads(answer.content)


def ended(result) -> bool:
    result.refresh()
    return result.is_finished


def jobs(dsn: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn) as session:
        return session.execute("SELECT entrypoint, priority FROM pgqueuer ORDER BY id").fetchall()


def test_the_migration_makes_a_queue_that_verifies_and_takes_it_away(shop: str) -> None:
    from django.core.management import call_command

    from tests.support.cli import pgq

    assert pgq("verify", "--expect", "present", dsn=shop).code == 0
    call_command("migrate", "shop", "zero", verbosity=0)
    assert pgq("verify", "--expect", "absent", dsn=shop).code == 0


def test_an_order_and_its_task_are_committed_together_and_the_task_runs(shop: str) -> None:
    from django.test import Client
    from shop.models import Order

    placed = post("/orders", item="bicycle")
    status = f"/receipts/{placed['receipt']}"
    assert Client().get(status).json() == {"status": "READY"}
    with worker(shop):
        wait_until(lambda: Client().get(status).json() == {"status": "SUCCESSFUL"}, "it ran")
    assert Order.objects.get(id=placed["order"]).receipt_sent


def test_a_rollback_leaves_no_job(shop: str) -> None:
    from django.db import transaction
    from shop.tasks import send_receipt

    with pytest.raises(ZeroDivisionError), transaction.atomic():
        send_receipt.enqueue(1)
        raise ZeroDivisionError
    with transaction.atomic():
        send_receipt.enqueue(2)
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            send_receipt.enqueue(3)
            raise ZeroDivisionError
    assert jobs(shop) == [("django:default", 0)]


def test_queue_names_priorities_and_times_are_those_of_the_jobs(shop: str) -> None:
    from django.db import connection
    from shop.tasks import count_orders, send_receipt

    send_receipt.using(priority=7).enqueue(1)
    report = post("/report")["report"]
    assert jobs(shop) == [("django:default", 7), ("django:reports", -10)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT execute_after - created FROM pgqueuer WHERE id = %s", [report])
        [waits] = cursor.fetchone()
    assert timedelta(hours=8) - timedelta(minutes=2) < waits <= timedelta(hours=8)
    result = count_orders.get_result(report)
    assert (result.status, result.task.queue_name, result.task.priority) == (
        "READY",
        "reports",
        -10,
    )


def test_a_deferred_task_is_not_early_however_long_its_transaction_lasts(shop: str) -> None:
    from django.db import connection, transaction
    from django.utils import timezone
    from shop.tasks import send_receipt

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(0.3)")
        moment = timezone.now() + timedelta(hours=1)
        result = send_receipt.using(run_after=moment).enqueue(1)
        cursor.execute("SELECT execute_after FROM pgqueuer WHERE id = %s", [result.id])
        assert cursor.fetchone() == (moment,)


def test_asynchronous_tasks_are_awaited_and_a_worker_may_serve_some_queues(shop: str) -> None:
    from shop.models import Order
    from shop.tasks import count_orders, send_receipt

    Order.objects.create(item="bicycle")
    other = send_receipt.enqueue(1)
    counted = count_orders.enqueue()
    with worker(shop, "--", "reports") as running:
        running.wait_for("orders: 1")
        wait_until(lambda: ended(counted), "it ended")
    assert counted.status == "SUCCESSFUL"
    other.refresh()
    assert other.status == "READY"


def test_the_error_of_a_task_is_in_its_result(shop: str) -> None:
    from django.core.exceptions import ObjectDoesNotExist
    from shop.tasks import unlucky

    result = unlucky.enqueue(order_id=5)
    with worker(shop) as running:
        running.wait_for("order 5, attempt 1")
        wait_until(lambda: ended(result), "it ended")
    assert (result.status, result.attempts) == ("FAILED", 1)
    [error] = result.errors
    assert "order 5, attempt 1" in error.traceback
    assert error.exception_class is ObjectDoesNotExist
    assert result.enqueued_at <= result.started_at <= result.finished_at
    with pytest.raises(ValueError, match="failed"):
        _ = result.return_value


def test_results_are_found_by_their_task_and_by_the_backend(shop: str) -> None:
    from shop.tasks import count_orders, send_receipt

    from pgqueuer.adapters.django import queue
    from pgqueuer.adapters.django.tasks_api import (
        TaskResultDoesNotExist,
        TaskResultMismatch,
        task_backends,
    )

    backend = task_backends["default"]
    receipt, [foreign] = send_receipt.enqueue(5), queue().enqueue("default", b"{}")
    found = backend.get_result(receipt.id)
    assert (found.task, found.args, found.kwargs) == (send_receipt, [5], {})
    with pytest.raises(TaskResultMismatch):
        count_orders.get_result(receipt.id)
    for unknown in ("0", "99999999", str(foreign), "x", "-1", "9" * 30):
        with pytest.raises(TaskResultDoesNotExist):
            send_receipt.get_result(unknown)
    backend.queue.mark_job_as_cancelled([int(receipt.id)])
    assert send_receipt.get_result(receipt.id).status == "FAILED"
    assert send_receipt.get_result(receipt.id).task == send_receipt
    assert backend.get_result(receipt.id).args == []


def test_handlers_and_tasks_share_a_worker_of_ones_own(shop: str) -> None:
    from shop.models import Order
    from shop.tasks import send_receipt, unlucky

    order = Order.objects.create(item="bicycle")
    receipt, failing = send_receipt.enqueue(order.id), unlucky.enqueue(order.id)
    with pgq_running("run", "shop.worker:main", dsn=shop, cwd=EXAMPLES) as running:
        post("/ship", order=order.id)
        running.wait_for("shipped b'{\"order\": 1}'")
        wait_until(lambda: ended(receipt) and ended(failing), "both ended")
    assert (receipt.status, failing.status) == ("SUCCESSFUL", "FAILED")
    assert [job.entrypoint for job in queue_of(shop)] == ["django:default"]


def queue_of(dsn: str):
    from pgqueuer.adapters.django import queue

    return queue().list_failed_jobs()


async def test_a_task_can_be_enqueued_from_asynchronous_code(shop: str) -> None:
    from shop.tasks import count_orders

    result = await count_orders.aenqueue()
    found = await count_orders.aget_result(result.id)
    assert found.status == "READY"
