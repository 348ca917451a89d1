"""The code of the guide to handlers that block or take long."""

import asyncio
import hashlib
from datetime import timedelta
from pathlib import Path

from pgqueuer import Job, PgQueuer


def in_a_thread(pgq: PgQueuer) -> None:
    @pgq.entrypoint("archive", executor="thread", executor_options={"max_threads": 4})
    def archive(job: Job) -> None:
        Path("archive.log").write_bytes(job.payload or b"")


def digest(job: Job) -> None:
    hashlib.scrypt(job.payload or b"", salt=b"salt", n=2**10, r=8, p=1)


def in_a_process(pgq: PgQueuer) -> None:
    pgq.entrypoint("digest", executor="process-pool")(digest)


def with_a_deadline(pgq: PgQueuer) -> None:
    @pgq.entrypoint("crawl", timeout=timedelta(milliseconds=50))
    async def crawl(job: Job) -> None:
        await asyncio.sleep(3600)
