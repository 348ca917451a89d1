from __future__ import annotations

import pytest

from pgqueuer.adapters.doctor.values import counted, duration, number, size


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min 0 s"),
        (3_725, "1 h 2 min"),
        (86_400 * 3 + 7_200, "3 d 2 h"),
    ],
)
def test_a_duration_has_its_two_largest_units(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1024, "1 kB"),
        (5 * 2**30, "5 GB"),
        (2**60, "1048576 TB"),
    ],
)
def test_a_size_is_in_the_largest_unit(count, text):
    assert size(count) == text


def test_counts_are_readable():
    assert counted(1, "job") == "1 job"
    assert counted(12_345, "job") == "12,345 jobs"


def test_null_counts_as_nothing():
    assert number(None) == 0
    assert number(2.0) == 2
