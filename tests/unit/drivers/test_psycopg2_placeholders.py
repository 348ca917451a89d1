from __future__ import annotations

import pytest

from pgqueuer.adapters.drivers.borrowed import driver_over, sync_driver_over
from pgqueuer.adapters.drivers.psycopg2 import to_pyformat


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT $1::int, $12, $1", "SELECT %(p1)s::int, %(p12)s, %(p1)s"),
        ("SELECT 5 % 2", "SELECT 5 %% 2"),
        ("""SELECT '$1 ''%' FROM "a$1%""b" """, """SELECT '$1 ''%%' FROM "a$1%%""b" """),
    ],
)
def test_parameters_are_named_and_quoted_text_is_left_alone(query: str, expected: str) -> None:
    assert to_pyformat(query) == expected


@pytest.mark.parametrize("over", [sync_driver_over, driver_over])
def test_a_connection_of_another_package_is_refused(over) -> None:
    with pytest.raises(TypeError, match=r"'builtins'; use one of .*psycopg"):
        over(object())
