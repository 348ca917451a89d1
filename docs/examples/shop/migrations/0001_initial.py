"""The tables of the shop, and the queue."""

from django.db import migrations, models

from pgqueuer.adapters.django import install_queue, uninstall_queue


class Migration(migrations.Migration):
    initial = True
    operations = [
        migrations.CreateModel(
            "Order",
            [
                ("id", models.BigAutoField(primary_key=True)),
                ("item", models.TextField()),
                ("receipt_sent", models.BooleanField(default=False)),
            ],
        ),
        migrations.RunPython(install_queue, uninstall_queue),
    ]
