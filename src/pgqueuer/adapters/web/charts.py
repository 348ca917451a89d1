"""Charts as numbers: where the template draws a bar, a line or a label.

Across, a unit is a percent of the width, which is that of the screen; down it is a pixel.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

HEIGHT: Final = 220
BOTTOM: Final = 24
TOP: Final = 8
STEPS_BETWEEN_TIMES: Final = 10
DAY: Final = 86_400.0
NICE_DURATIONS: Final = (
    (60.0, 4),
    (120.0, 4),
    (300.0, 5),
    (600.0, 5),
    (1200.0, 4),
    (3600.0, 4),
    (7200.0, 4),
    (18_000.0, 5),
    (36_000.0, 5),
    (DAY, 4),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A part of a stack; `kind` is what it stands for."""

    x: float
    y: float
    width: float
    height: float
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line over time; `path` is SVG path data, broken where there is no value."""

    kind: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A text at a place."""

    at: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart; `table` has its numbers for people who can not see it, oldest row first.

    `values` are labels from the bottom to the top, `times` from left to right; a step of the
    chart spans `step`.
    """

    bars: Sequence[Bar]
    lines: Sequence[Line]
    values: Sequence[Label]
    times: Sequence[Label]
    kinds: Sequence[str]
    table: Sequence[tuple[datetime, Sequence[str]]]
    step: timedelta
    height: int = HEIGHT


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Values from 0 to `top`, with `parts` lines between that are easy to read."""

    top: float
    parts: int

    def y(self, value: float) -> float:
        """Where the value is drawn."""
        return round(TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / self.top), 2)

    def labels(self, show: Callable[[float], str]) -> list[Label]:
        """A label for each line."""
        values = [self.top * index / self.parts for index in range(self.parts + 1)]
        return [Label(at=self.y(value), text=show(value)) for value in values]


def stacked(
    steps: Sequence[tuple[datetime, Mapping[str, int]]],
    kinds: Sequence[str],
    show: Callable[[float], str],
    step: timedelta,
) -> Chart:
    """Bars of one column a step, the first kind at the bottom; they count something."""
    scale = scale_of_counts(max((sum(values.values()) for _, values in steps), default=0))
    slot = 100 / max(len(steps), 1)
    bars: list[Bar] = []
    for index, (_, values) in enumerate(steps):
        below = 0
        for kind in kinds:
            value = values.get(kind, 0)
            if value:
                bars.append(_bar(scale, index, slot, below, value, kind))
            below += value
    return Chart(
        bars=bars,
        lines=(),
        values=scale.labels(show),
        times=_time_labels([time for time, _ in steps], step),
        kinds=kinds,
        table=[
            (time, [show(values.get(kind, 0)) for kind in kinds])
            for time, values in steps
            if any(values.values())
        ],
        step=step,
    )


def lined(
    steps: Sequence[tuple[datetime, Mapping[str, float | None]]],
    kinds: Sequence[str],
    show: Callable[[float], str],
    step: timedelta,
) -> Chart:
    """A line of seconds for each kind; a step without a value breaks it."""
    highest = max((value for _, values in steps for value in values.values() if value), default=0.0)
    scale = scale_of_durations(highest)
    return Chart(
        bars=(),
        lines=[
            Line(kind=kind, path=_path([values.get(kind) for _, values in steps], scale))
            for kind in kinds
        ],
        values=scale.labels(show),
        times=_time_labels([time for time, _ in steps], step),
        kinds=kinds,
        table=[
            (time, ["" if (value := values.get(kind)) is None else show(value) for kind in kinds])
            for time, values in steps
            if any(value is not None for value in values.values())
        ],
        step=step,
    )


def sparkline(values: Sequence[int], width: int = 120, height: int = 24) -> str:
    """SVG path data of a small line; empty where there is nothing to show."""
    if not any(values):
        return ""
    top = max(values)
    step = width / max(len(values) - 1, 1)
    points = (
        f"{index * step:.1f},{height - 1 - (height - 2) * value / top:.1f}"
        for index, value in enumerate(values)
    )
    return "M" + " L".join(points)


def grid(end: datetime, length: timedelta, step: timedelta) -> list[datetime]:
    """The beginnings of the steps of a window that ends at `end`, on whole steps of the clock."""
    last = end.timestamp() // step.total_seconds() * step.total_seconds()
    count = round(length / step)
    return [
        datetime.fromtimestamp(last - (count - 1 - index) * step.total_seconds(), end.tzinfo)
        for index in range(count)
    ]


def scale_of_counts(highest: float) -> Scale:
    """Up to 5, 10, 20, 50, … with whole numbers between."""
    return _decimal(max(highest, 5))


def scale_of_durations(highest: float) -> Scale:
    """Up to a whole number of milliseconds, seconds, minutes, hours or days."""
    if highest <= 50:
        return _decimal(highest or 1.0)
    for top, parts in NICE_DURATIONS:
        if highest <= top:
            return Scale(top=top, parts=parts)
    days = _decimal(highest / DAY)
    return Scale(top=days.top * DAY, parts=days.parts)


def _decimal(highest: float) -> Scale:
    """The next of 1, 2, 5, 10, 20, …"""
    power = 10.0 ** math.floor(math.log10(highest))
    factor = next(each for each in (1, 2, 5, 10) if highest <= power * each * (1 + 1e-9))
    return Scale(top=power * factor, parts=4 if factor == 2 else 5)


def _bar(scale: Scale, index: int, slot: float, below: int, value: int, kind: str) -> Bar:
    top = scale.y(below + value)
    return Bar(
        x=round((index + 0.1) * slot, 3),
        y=top,
        width=round(slot * 0.8, 3),
        height=round(scale.y(below) - top, 2),
        kind=kind,
    )


def _path(values: Sequence[float | None], scale: Scale) -> str:
    slot = 100 / max(len(values), 1)
    parts: list[str] = []
    pen = "M"
    for index, value in enumerate(values):
        if value is None:
            pen = "M"
            continue
        x, y = (index + 0.5) * slot, scale.y(value)
        # A value between two gaps is a dot, which only a line of some length makes visible.
        parts.append(f"{pen}{x - 0.15:.2f},{y:.1f} L{x + 0.15:.2f},{y:.1f}")
        pen = "L"
    return " ".join(parts)


def _time_labels(times: Sequence[datetime], step: timedelta) -> list[Label]:
    """At whole hours or tens of minutes, which all steps of `grid` have every tenth time."""
    slot = 100 / max(len(times), 1)
    between = STEPS_BETWEEN_TIMES * step.total_seconds()
    return [
        Label(at=round((index + 0.5) * slot, 2), text=f"{time:%H:%M}")
        for index, time in enumerate(times)
        if time.timestamp() % between == 0
    ]
