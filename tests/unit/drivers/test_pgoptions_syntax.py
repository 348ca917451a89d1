"""PGOPTIONS is read as PostgreSQL reads it."""

from __future__ import annotations

import pytest

from pgqueuer.adapters.drivers.asyncpg_session import read_options


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("-csearch_path=myschema", {"search_path": "myschema"}),
        ("-c search_path=myschema", {"search_path": "myschema"}),
        ("--search-path=myschema", {"search_path": "myschema"}),
        ("  -c a=1\t-cb=2 ", {"a": "1", "b": "2"}),
        (r"-c search_path=one,\ two", {"search_path": "one, two"}),
        (r"-c path=C:\\x", {"path": "C:\\x"}),
        ("-c a=b=c", {"a": "b=c"}),
        ("-c a=", {"a": ""}),
        ("-c a=1 -c a=2", {"a": "2"}),
        ("-e -S 100 -c a=1", {"a": "1"}),
        ("-c my.setting=x", {"my.setting": "x"}),
    ],
)
def test_settings(text, expected):
    assert read_options(text) == expected


@pytest.mark.parametrize("text", ["-c", "-c search_path", "--search-path"])
def test_a_setting_without_a_value_is_refused(text):
    with pytest.raises(ValueError, match="has no value"):
        read_options(text)
