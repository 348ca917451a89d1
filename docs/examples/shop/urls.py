"""The URLs of the Django guide's shop."""

from django.urls import path

from shop import views

urlpatterns = [
    path("orders", views.place_order),
    path("receipts/<str:result_id>", views.receipt),
    path("report", views.report_later),
    path("ship", views.ship),
]
