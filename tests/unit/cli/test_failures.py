from __future__ import annotations

import pytest

from pgqueuer.adapters.cli.failures import explain, redact
from pgqueuer.domain.errors import PgqException
from pgqueuer.domain.settings import DBSettings


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://user:hunter2@host/db",
        "postgresql://user:hunter2@host:5432/db?sslmode=require",
        "postgresql://user:p@ss/hunter2@host/db",
        "postgresql//user:hunter2@host/db",
        'missing "=" after "user:hunter2@host" in connection info string',
        "host=h password=hunter2 dbname=d",
        "host=h password = 'hunter2 hunter2' dbname=d",
        r"password='hun\'hunter2' dbname=d",
        "postgresql://host/db?user=u&password=hunter2&x=y",
    ],
)
def test_no_password_is_left(text):
    assert "hunter2" not in redact(f"cannot parse {text} as a DSN")


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://user@host:5432/db",
        "connection to server at 10.0.0.1, port 5432 failed: Connection refused",
        "There is no 'make' in 'worker'; check 'worker:make'",
        'password authentication failed for user "u"',
    ],
)
def test_the_rest_is_left_alone(text):
    assert redact(text) == text


class DatabaseError(Exception):
    """As drivers have them."""

    sqlstate = "XX000"


@pytest.mark.parametrize(
    ("error", "parts"),
    [
        (ConnectionRefusedError("refused"), ["Cannot connect: refused.", "PGDSN"]),
        (TimeoutError(), ["Cannot connect: TimeoutError.", "PGHOST"]),
        (ZeroDivisionError("by zero"), ["ZeroDivisionError: by zero.", "--log-level DEBUG"]),
        (PgqException("Do this."), ["Do this."]),
        (ExceptionGroup("both", [PgqException("Do this"), ValueError()]), ["Do this."]),
        (ValueError("one\n  two\n"), ["one two"]),
    ],
)
def test_an_error_is_one_line_that_says_what_to_do(error, parts):
    line = explain(error)
    assert "\n" not in line
    for part in parts:
        assert part in line


@pytest.mark.parametrize(
    ("sqlstate", "part"),
    [
        ("42P01", "Run 'pgq install'"),
        ("28P01", "Cannot connect"),
        ("3D000", "Cannot connect"),
        ("08006", "Cannot connect"),
        ("53300", "Cannot connect"),
        ("22012", "--log-level DEBUG"),
    ],
)
def test_an_error_of_the_database_is_told_by_its_sqlstate(sqlstate, part):
    error = DatabaseError("it says no")
    error.sqlstate = sqlstate
    assert part in explain(error)


def test_a_bad_setting_is_named_once_with_its_rule():
    with pytest.raises(ValueError, match="prefix") as caught:
        DBSettings(prefix="9x")
    line = explain(caught.value)
    assert line.startswith("prefix: '9x' is not an identifier: use letters")
    assert line.count("identifier") == 1
