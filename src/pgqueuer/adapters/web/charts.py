"""Charts as numbers: where the template draws a bar, a line or a label. The unit is a pixel."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

WIDTH: Final = 720
HEIGHT: Final = 200
LEFT: Final = 46
BOTTOM: Final = 24
TOP: Final = 8
GRID_LINES: Final = 4
TIME_LABELS: Final = 6


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

    x: float
    y: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart; `table` has its numbers for people who can not see it, oldest row first."""

    bars: Sequence[Bar]
    lines: Sequence[Line]
    values: Sequence[Label]
    times: Sequence[Label]
    kinds: Sequence[str]
    table: Sequence[tuple[datetime, Sequence[str]]]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT


def stacked(
    steps: Sequence[tuple[datetime, Mapping[str, float]]],
    kinds: Sequence[str],
    show: Callable[[float], str],
) -> Chart:
    """Bars of one column a step, the first kind at the bottom."""
    top = _round_up(max((sum(values.values()) for _, values in steps), default=0))
    slot = (WIDTH - LEFT) / max(len(steps), 1)
    bars: list[Bar] = []
    for index, (_, values) in enumerate(steps):
        below = 0.0
        for kind in kinds:
            value = values.get(kind, 0)
            if value:
                bars.append(
                    Bar(
                        x=round(LEFT + index * slot + slot * 0.1, 2),
                        y=round(_y(below + value, top), 2),
                        width=round(slot * 0.8, 2),
                        height=round(_y(below, top) - _y(below + value, top), 2),
                        kind=kind,
                    )
                )
            below += value
    return Chart(
        bars=bars,
        lines=(),
        values=_value_labels(top, show),
        times=_time_labels([time for time, _ in steps]),
        kinds=kinds,
        table=[
            (time, [show(values.get(kind, 0)) for kind in kinds])
            for time, values in steps
            if any(values.values())
        ],
    )


def lined(
    steps: Sequence[tuple[datetime, Mapping[str, float | None]]],
    kinds: Sequence[str],
    show: Callable[[float], str],
) -> Chart:
    """A line for each kind; a step without a value breaks it."""
    highest = max((value for _, values in steps for value in values.values() if value), default=0.0)
    top = _round_up(highest)
    return Chart(
        bars=(),
        lines=[
            Line(kind=kind, path=_path([values.get(kind) for _, values in steps], top))
            for kind in kinds
        ],
        values=_value_labels(top, show),
        times=_time_labels([time for time, _ in steps]),
        kinds=kinds,
        table=[
            (time, ["" if (value := values.get(kind)) is None else show(value) for kind in kinds])
            for time, values in steps
            if any(value is not None for value in values.values())
        ],
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


def _y(value: float, top: float) -> float:
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top)


def _path(values: Sequence[float | None], top: float) -> str:
    slot = (WIDTH - LEFT) / max(len(values), 1)
    parts: list[str] = []
    pen = "M"
    for index, value in enumerate(values):
        if value is None:
            pen = "M"
            continue
        x = LEFT + (index + 0.5) * slot
        # A value between two gaps is a dot, which only a line of some length makes visible.
        parts.append(f"{pen}{x - 1:.1f},{_y(value, top):.1f} L{x + 1:.1f},{_y(value, top):.1f}")
        pen = "L"
    return " ".join(parts)


def _round_up(value: float) -> float:
    """The next of 1, 2, 5, 10, 20, …; 1 for nothing."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(power * factor for factor in (1, 2, 5, 10) if value <= power * factor * (1 + 1e-9))


def _value_labels(top: float, show: Callable[[float], str]) -> list[Label]:
    values = [top * index / GRID_LINES for index in range(GRID_LINES + 1)]
    return [Label(x=LEFT - 6, y=round(_y(value, top), 2), text=show(value)) for value in values]


def _time_labels(times: Sequence[datetime]) -> list[Label]:
    if not times:
        return []
    slot = (WIDTH - LEFT) / len(times)
    every = max(1, len(times) // TIME_LABELS)
    return [
        Label(x=round(LEFT + (index + 0.5) * slot, 2), y=HEIGHT - 6, text=f"{times[index]:%H:%M}")
        for index in range(every // 2, len(times), every)
    ]
