"""Statements that are repeated stay cheap: with ten jobs and with a million, JIT being on."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

import psycopg
import pytest

from pgqueuer.adapters.persistence.base import SHORT
from pgqueuer.adapters.persistence.sqltext import Statements
from pgqueuer.domain.settings import DBSettings
from tests.support.hot_statements import NEAR, Call, calls, describe, fill
from tests.support.plans import Plan, PlanCacheMode, execute, prepare

DEEP = int(os.environ.get("PGQUEUER_TEST_DEEP_ROWS", "1000000"))
BATCH = 5_000
"""So many rows a statement may sort: the jobs that are picked, or failures to group."""
MODES: tuple[PlanCacheMode, ...] = ("force_generic_plan", "force_custom_plan")


@pytest.fixture
def db(queue_dsn: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(queue_dsn, autocommit=True) as connection:
        connection.execute("SET jit = on")
        yield connection


@pytest.mark.parametrize("analyzed", [False, True])
def test_ten_jobs_take_a_few_pages(db: psycopg.Connection, analyzed: bool) -> None:
    fill(db, 10)
    if analyzed:
        db.execute("VACUUM ANALYZE")

    found = {
        label: plan
        for label, _, plan in plans_of_all(db)
        if plan.compiled or plan.rows_read > 3 * NEAR or plan.pages > 4 * NEAR
    }

    assert not found, listing(found)


def test_a_deep_queue_is_never_read_sorted_or_compiled_for(db: psycopg.Connection) -> None:
    fill(db, 10)
    db.execute("ANALYZE")
    fill(db, DEEP)
    db.execute("ANALYZE pgqueuer_log")
    found = {f"{label}, statistics of ten jobs": why for label, why in offences(db)}
    db.execute("VACUUM ANALYZE")
    found |= {f"{label}, statistics of all jobs": why for label, why in offences(db)}

    assert not found, listing(found)


def test_what_workers_ask_all_the_time_is_looked_at(db: psycopg.Connection) -> None:
    looked_at = {call.statement for call in calls(describe(db))}

    assert looked_at >= SHORT


def listing(found: Mapping[str, object]) -> str:
    return "\n".join(f"{label}: {why}" for label, why in found.items())


def offences(db: psycopg.Connection) -> Iterator[tuple[str, str]]:
    for label, call, plan in plans_of_all(db):
        if call.whole:
            if plan.rows_read > DEEP + BATCH:
                yield label, f"reads {plan.rows_read} rows"
            continue
        if whole := plan.seq_scans & {"pgqueuer", "pgqueuer_log"}:
            yield label, f"reads all of {whole}"
        if plan.rows_read > call.reads:
            yield label, f"reads {plan.rows_read} rows instead of {call.reads}"
        if plan.most_sorted > BATCH:
            yield label, f"sorts {plan.most_sorted} rows"


def plans_of_all(db: psycopg.Connection) -> Iterator[tuple[str, Call, Plan]]:
    """Each call under a plan for any arguments and under one for these, prepared anew."""
    todo = list(calls(describe(db)))
    texts = Statements(DBSettings())
    db.execute("DEALLOCATE ALL")
    prepare(db, {call.statement: texts[call.statement] for call in todo})
    for call in todo:
        for mode in MODES:
            label = f"{call.statement}{call.args} {mode}"
            yield label, call, execute(db, call.statement, call.args, mode)
