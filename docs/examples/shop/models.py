"""The models of the Django guide's shop."""

from django.db import models


class Order(models.Model):
    item = models.TextField()
    receipt_sent = models.BooleanField(default=False)
