from __future__ import annotations

from datetime import timedelta

import pytest

from pgqueuer.adapters.mcp.durations import parse_duration


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("PT5M", timedelta(minutes=5)),
        ("P1D", timedelta(days=1)),
        ("P1DT12H", timedelta(days=1, hours=12)),
        ("PT1H30M15S", timedelta(hours=1, minutes=30, seconds=15)),
        ("PT0.5S", timedelta(seconds=0.5)),
        ("PT0000000090S", timedelta(seconds=90)),
    ],
)
def test_durations_are_read(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    "text",
    [
        "",
        "P",
        "PT",
        "5M",
        "PT5",
        "P1M",
        "P1Y",
        "P1W",
        "pt5m",
        "PT0S",
        "P0D",
        "-PT5M",
        "PT-5M",
        "P1DT",
        "PT5M ",
        "PT\N{ARABIC-INDIC DIGIT FIVE}M",
        "P999999999999999D",
    ],
)
def test_what_is_no_positive_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="ISO 8601"):
        parse_duration(text)
