"""`pgq prune`."""

from __future__ import annotations

import psycopg
import pytest

from tests.support.cli import pgq


@pytest.fixture
def connection(queue_dsn):
    """History of jobs that are gone: log rows of 40 and 10 days, statistics of 400 and 20."""
    with psycopg.connect(queue_dsn, autocommit=True) as opened:
        opened.execute(
            "INSERT INTO pgqueuer_log (created, job_id, status, priority, entrypoint)"
            " SELECT now() - days * interval '1 day', days, 'successful', 0, 'mail'"
            " FROM unnest('{40,10}'::int[]) AS days"
        )
        opened.execute(
            "INSERT INTO pgqueuer_statistics (created, count, priority, status, entrypoint)"
            " SELECT now() - days * interval '1 day', 5, 0, 'successful', 'mail'"
            " FROM unnest('{400,20}'::int[]) AS days"
        )
        yield opened


def left(connection) -> tuple[int, int]:
    """Log rows, and the sum of the statistics."""
    (rows,) = connection.execute("SELECT count(*) FROM pgqueuer_log").fetchone()
    (total,) = connection.execute("SELECT sum(count) FROM pgqueuer_statistics").fetchone()
    return rows, total


def test_prune_deletes_what_the_settings_say_and_prints_counts(queue_dsn, connection):
    outcome = pgq("prune", dsn=queue_dsn)

    assert (outcome.code, outcome.stderr) == (0, "")
    assert outcome.stdout == (
        "Deleted 1 log row(s) older than 30 day(s).\n"
        "Deleted 1 statistics row(s) older than 365 day(s).\n"
    )
    # The log row that went was not counted before.
    assert left(connection) == (1, 6)
    again = pgq("prune", "--batch-size", "1", dsn=queue_dsn)
    assert again.stdout.startswith("Deleted 0 log")


def test_ages_can_be_given(queue_dsn, connection):
    outcome = pgq(
        "prune", "--older-than", "12:00:00", "--statistics-older-than", "P7D", dsn=queue_dsn
    )

    assert outcome.stdout == (
        "Deleted 2 log row(s) older than 12:00:00.\n"
        "Deleted 4 statistics row(s) older than 7 day(s).\n"
    )


def test_a_dry_run_deletes_nothing(queue_dsn, connection):
    outcome = pgq("prune", "--older-than", "0", "--dry-run", dsn=queue_dsn)

    assert outcome.code == 0
    assert outcome.stdout == (
        "Would delete 2 log row(s) older than 0:00:00.\n"
        "Would delete 1 statistics row(s) older than 365 day(s).\n"
    )
    assert left(connection) == (2, 10)


def test_what_the_settings_keep_for_ever_is_said(queue_dsn, connection):
    env = {"PGQUEUER_LOG_RETENTION": "0", "PGQUEUER_STATISTICS_RETENTION": "none"}

    outcome = pgq("prune", dsn=queue_dsn, env=env)

    assert (outcome.code, outcome.stdout) == (
        0,
        "All log rows are kept, as the settings say.\n"
        "All statistics rows are kept, as the settings say.\n",
    )
    assert left(connection) == (2, 10)


@pytest.mark.parametrize("age", ["a month", "30", "none"])
def test_an_age_that_is_none_is_a_usage_error(age):
    outcome = pgq("prune", "--older-than", age)

    assert (outcome.code, outcome.stdout) == (2, "")
    assert "--older-than" in outcome.stderr


def test_a_setting_out_of_range_is_one_line(queue_dsn):
    outcome = pgq("prune", dsn=queue_dsn, env={"PGQUEUER_LOG_RETENTION": "30"})

    assert (outcome.code, outcome.stdout) == (1, "")
    assert "from 1 minute" in outcome.stderr
    assert "Traceback" not in outcome.stderr
