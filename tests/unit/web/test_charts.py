from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pgqueuer.adapters.web.charts import (
    grid,
    lined,
    scale_of_counts,
    scale_of_durations,
    sparkline,
    stacked,
)
from pgqueuer.adapters.wording import count, span

MINUTE = timedelta(minutes=1)
NOW = datetime(2026, 3, 1, 12, 34, 56, tzinfo=UTC)
TIMES = grid(NOW, timedelta(hours=1), MINUTE)


def test_a_grid_ends_with_the_step_of_now() -> None:
    assert (TIMES[0], TIMES[-1]) == (
        datetime(2026, 3, 1, 11, 35, tzinfo=UTC),
        NOW.replace(second=0),
    )
    assert len(TIMES) == 60


@pytest.mark.parametrize(
    ("highest", "labels"),
    [
        (0, ["0", "1", "2", "3", "4", "5"]),
        (6, ["0", "2", "4", "6", "8", "10"]),
        (13, ["0", "5", "10", "15", "20"]),
        (1_000_000, ["0", "200,000", "400,000", "600,000", "800,000", "1,000,000"]),
    ],
)
def test_counts_are_told_at_whole_numbers(highest: int, labels: list[str]) -> None:
    assert [label.text for label in scale_of_counts(highest).labels(count)] == labels


@pytest.mark.parametrize(
    ("highest", "labels"),
    [
        (0.0, ["0 s", "200 ms", "400 ms", "600 ms", "800 ms", "1 s"]),
        (0.007, ["0 s", "2 ms", "4 ms", "6 ms", "8 ms", "10 ms"]),
        (51, ["0 s", "15 s", "30 s", "45 s", "1 min"]),
        (4_000, ["0 s", "30 min", "1 h", "1 h 30 min", "2 h"]),
        (86_401, ["0 s", "12 h", "1 d", "1 d 12 h", "2 d"]),
    ],
)
def test_durations_are_told_at_whole_units(highest: float, labels: list[str]) -> None:
    assert [label.text for label in scale_of_durations(highest).labels(span)] == labels


@pytest.mark.parametrize("highest", [0, 1e-6, 0.3, 49.9, 50.1, 599, 86_399, 1e7])
def test_a_scale_reaches_the_highest_value(highest: float) -> None:
    assert scale_of_durations(highest).top >= highest
    assert scale_of_counts(highest).top >= highest


def test_bars_stand_on_each_other_and_fill_the_width() -> None:
    steps = [(time, {"good": 2, "bad": 1} if time == TIMES[-1] else {}) for time in TIMES]

    chart = stacked(steps, ("good", "bad"), count, MINUTE)

    good, bad = chart.bars
    assert bad.y + bad.height == pytest.approx(good.y)
    assert good.height == pytest.approx(2 * bad.height)
    assert 98 < good.x < good.x + good.width < 100
    assert chart.table == [(TIMES[-1], ["2", "1"])]


def test_a_line_is_broken_where_there_is_no_value() -> None:
    values = [1.0, None, 2.0, 3.0]
    steps = [(time, {"run": value}) for time, value in zip(TIMES, values, strict=False)]

    chart = lined(steps, ("run",), span, MINUTE)

    assert chart.lines[0].path.count("M") == 2
    assert [cells for _, cells in chart.table] == [["1 s"], ["2 s"], ["3 s"]]


@pytest.mark.parametrize(("hours", "step"), [(1, 1), (6, 6), (24, 24)])
def test_times_are_told_at_round_ones(hours: int, step: int) -> None:
    times = grid(NOW, timedelta(hours=hours), timedelta(minutes=step))

    chart = stacked([(time, {}) for time in times], (), count, timedelta(minutes=step))

    texts = [label.text for label in chart.times]
    assert len(texts) == 6
    assert all(text.endswith("0" if hours == 1 else ":00") for text in texts)


def test_a_sparkline_of_nothing_is_empty() -> None:
    assert sparkline([0, 0]) == ""
    assert sparkline([0, 2]).startswith("M0.0,23.0 L120.0,1.0")
