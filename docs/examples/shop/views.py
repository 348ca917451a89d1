"""The views of the Django guide's shop."""

import json
from datetime import timedelta

from django.db import transaction
from django.http import HttpRequest, JsonResponse
from django.utils import timezone

from pgqueuer.adapters.django import queue
from shop.models import Order
from shop.tasks import count_orders, send_receipt


def place_order(request: HttpRequest) -> JsonResponse:
    with transaction.atomic():
        order = Order.objects.create(item=request.POST["item"])
        result = send_receipt.enqueue(order.id)
    return JsonResponse({"order": order.id, "receipt": result.id})


def receipt(request: HttpRequest, result_id: str) -> JsonResponse:
    result = send_receipt.get_result(result_id)
    return JsonResponse({"status": result.status})


def report_later(request: HttpRequest) -> JsonResponse:
    tonight = timezone.now() + timedelta(hours=8)
    result = count_orders.using(run_after=tonight).enqueue()
    return JsonResponse({"report": result.id})


def ship(request: HttpRequest) -> JsonResponse:
    with transaction.atomic():
        order = Order.objects.get(id=request.POST["order"])
        [job_id] = queue().enqueue("ship", json.dumps({"order": order.id}).encode())
    return JsonResponse({"job": job_id})
