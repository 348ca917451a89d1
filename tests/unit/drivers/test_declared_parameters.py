"""Which parameters of a statement tell their type, and how values of it are written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgqueuer.adapters.drivers.psycopg_encoding import TYPES
from pgqueuer.adapters.drivers.psycopg_statements import declared_parameters

INT4, TEXT = TYPES["int4"], TYPES["text"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT $1::int", {1: (INT4, False)}),
        ("SELECT $1::INTEGER", {1: (INT4, False)}),
        ("SELECT $1::int4[]", {1: (INT4, True)}),
        ("SELECT $1::int [ 3 ]", {1: (INT4, True)}),
        ("SELECT $2::text, $10::text[]", {2: (TEXT, False), 10: (TEXT, True)}),
        ("SELECT $1::text::jsonb", {1: (TEXT, False)}),
        ("SELECT $1::text, $1::text", {1: (TEXT, False)}),
        ("SELECT $1::text, $1::int", {}),
        ("SELECT $1::text, $1::text[]", {}),
        ("SELECT $1::int, $1", {}),
        ("SELECT $1", {}),
        ("SELECT $1 :: int", {}),
        ("SELECT CAST($1 AS int)", {}),
        ("SELECT $1::int[][]", {}),
        ("SELECT $1::int4range", {}),
        ("SELECT $1::double precision", {}),
        ('SELECT $1::"int"', {}),
        ("SELECT $1::pg_catalog.int4", {}),
        ("SELECT 'costs $5'", {}),
    ],
)
def test_the_casts_of_a_statement(query, expected):
    found = {
        number: (parameter.declared, parameter.is_array)
        for number, parameter in declared_parameters(query).items()
    }

    assert found == expected


def test_every_name_of_a_type_is_known():
    assert TYPES["bigint"] is TYPES["int8"]
    assert TYPES["boolean"] is TYPES["bool"]
    assert TYPES["smallint"] is TYPES["int2"]


@given(st.lists(st.none() | st.integers(-(2**31), 2**31 - 1)))
def test_an_array_tells_its_length_and_its_items(numbers):
    data = INT4.encode_array(numbers)

    assert data[8:12] == INT4.oid.to_bytes(4)
    if not numbers:
        assert data[:8] == bytes(8)
        return
    assert data[:8] == (1).to_bytes(4) + (None in numbers).to_bytes(4)
    assert data[12:20] == len(numbers).to_bytes(4) + (1).to_bytes(4)
    items = [
        b"\xff\xff\xff\xff" if number is None else (4).to_bytes(4) + number.to_bytes(4, signed=True)
        for number in numbers
    ]
    assert data[20:] == b"".join(items)


@pytest.mark.parametrize("values", ["text", b"bytes", {"a": 1}, 5, iter([1])])
def test_only_collections_are_arrays(values):
    with pytest.raises(TypeError, match="a list is required"):
        INT4.encode_array(values)
