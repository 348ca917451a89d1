"""The tasks of the Django guide's shop."""

try:
    from django.tasks import task
except ModuleNotFoundError:  # before Django 6.0
    from django_tasks import task

from django.core.exceptions import ObjectDoesNotExist

from shop.models import Order


@task
def send_receipt(order_id: int) -> None:
    Order.objects.filter(id=order_id).update(receipt_sent=True)


@task(queue_name="reports", priority=-10)
async def count_orders() -> None:
    print("orders:", await Order.objects.acount(), flush=True)


@task(takes_context=True)
def unlucky(context, order_id: int) -> None:
    raise ObjectDoesNotExist(f"order {order_id}, attempt {context.attempt}")
