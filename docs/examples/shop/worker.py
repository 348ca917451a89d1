"""A worker of the Django guide's shop that runs handlers beside the tasks."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import django

import pgqueuer
from pgqueuer import Job, PgQueuer
from pgqueuer.adapters.django import register_tasks


@asynccontextmanager
async def main() -> AsyncIterator[PgQueuer]:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
    django.setup()
    async with pgqueuer.connect() as driver:
        pgq = PgQueuer(driver)
        register_tasks(pgq, concurrency_limit=10, on_failure="hold")

        @pgq.entrypoint("ship")
        async def ship(job: Job) -> None:
            print("shipped", job.payload, flush=True)

        yield pgq
