"""`pgq pause`, `resume` and `entrypoints`, with workers that run."""

from __future__ import annotations

import json

import psycopg

from tests.support.cli import pgq, pgq_running

WORKER = """
from contextlib import asynccontextmanager

import pgqueuer


@asynccontextmanager
async def main():
    async with pgqueuer.connect() as driver:
        pgq = pgqueuer.PgQueuer(driver)

        @pgq.entrypoint("mail")
        async def mail(job):
            print("mail", job.payload.decode(), flush=True)

        @pgq.entrypoint("bill")
        async def bill(job):
            print("bill", job.payload.decode(), flush=True)

        yield pgq
"""


def test_a_running_worker_stops_taking_jobs_and_goes_on_at_once(queue_dsn, tmp_path):
    (tmp_path / "worker.py").write_text(WORKER)
    with pgq_running("run", "worker:main", dsn=queue_dsn, cwd=tmp_path) as worker:
        pgq("queue", "mail", "before", dsn=queue_dsn)
        worker.wait_for("mail before")

        assert pgq("pause", "mail", "--reason", "it is down", dsn=queue_dsn).code == 0
        pgq("queue", "mail", "meanwhile", dsn=queue_dsn)
        pgq("queue", "bill", "meanwhile", dsn=queue_dsn)
        worker.wait_for("bill meanwhile")
        assert "mail meanwhile" not in worker.output

        assert pgq("resume", "mail", dsn=queue_dsn).stdout == "Resumed 1 entrypoint(s).\n"
        worker.wait_for("mail meanwhile")


def test_a_drain_ends_when_only_paused_jobs_are_left(queue_dsn, tmp_path):
    (tmp_path / "worker.py").write_text(WORKER)
    pgq("queue", "mail", "waits", dsn=queue_dsn)
    pgq("queue", "bill", "runs", dsn=queue_dsn)
    pgq("pause", "mail", dsn=queue_dsn)

    drained = pgq("run", "worker:main", "--mode", "drain", dsn=queue_dsn, cwd=tmp_path)

    assert drained.code == 0
    assert "bill runs\n" in drained.stdout
    assert "mail waits" not in drained.stdout
    with psycopg.connect(queue_dsn) as connection:
        left = connection.execute("SELECT entrypoint, status::text FROM pgqueuer").fetchall()
    assert left == [("mail", "queued")]


def test_what_is_paused_is_shown_and_resumed(queue_dsn):
    assert pgq("entrypoints", dsn=queue_dsn).stdout == "No entrypoints.\n"
    pgq("queue", "bill", dsn=queue_dsn)

    paused = pgq("pause", "mail", "news", "--reason", "it is down", dsn=queue_dsn)
    assert paused.stdout == "Paused 2 entrypoint(s).\n"
    assert pgq("pause", "mail", dsn=queue_dsn).stdout == "Paused 0 entrypoint(s).\n"

    assert "it is down" in pgq("entrypoints", dsn=queue_dsn).stdout
    bill, mail, _ = json.loads(pgq("entrypoints", "--json", dsn=queue_dsn).stdout)
    assert (bill["entrypoint"], bill["queued"], bill["paused"]) == ("bill", 1, None)
    assert (mail["entrypoint"], mail["queued"]) == ("mail", 0)
    assert mail["paused"]["reason"] == "it is down"

    resumed = pgq("resume", "mail", "bill", dsn=queue_dsn)
    assert (resumed.code, resumed.stdout) == (1, "Resumed 1 entrypoint(s).\n")
    assert "1 of 2 name(s) are not paused" in resumed.stderr


def test_what_can_not_be_an_entrypoint_is_a_usage_error(queue_dsn):
    refused = pgq("pause", "x" * 513, dsn=queue_dsn)

    assert refused.code == 2
    assert "at most 512 characters" in refused.stderr
