"""Results as bars: in the terminal, and as a picture."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from itertools import groupby

from rich.bar import Bar
from rich.console import Console
from rich.table import Table

from benchmarks.measuring import PLAIN, Row
from benchmarks.results import Results, Topic, median
from benchmarks.tables import shown

WIDTH = 800
LABELS = 210
BARS = 400
LINE = 18
BAR_HEIGHT = 12
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #222 }
.title { font-size: 14px; font-weight: 600 }
.quiet { fill: #666 }
.bar { fill: #2a6fbb } .base { fill: #b9c2cc } .range { stroke: #222 }
.paper { fill: #fff }
@media (prefers-color-scheme: dark) {
  text { fill: #eee } .quiet { fill: #aaa } .range { stroke: #eee } .paper { fill: #16191d }
  .bar { fill: #5b9fe6 } .base { fill: #545d67 }
}
"""


def terminal_chart(results: Results, console: Console) -> None:
    """Print the main figure of each row as a bar, by scenario."""
    for topic in results.topics:
        rows = results.of_topic(topic)
        if not rows:
            continue
        table = Table.grid(padding=(0, 1))
        for row in rows:
            value = median(row, topic.main) or 0
            bar = Bar(_top(rows, topic), 0, value, width=40, color=_color(row))
            table.add_row(row.case, row.contestant, bar, shown(median(row, topic.main)))
        console.print(f"[bold]{topic.name}[/bold], {topic.main.title} ({_hint(topic)})")
        console.print(table)
        console.print()


def svg_chart(results: Results) -> str:
    """A picture of the same, with the range of the rounds as a line on each bar."""
    parts: list[str] = []
    y = 10
    for topic in results.topics:
        rows = results.of_topic(topic)
        if not rows:
            continue
        title = f"{topic.name}: {topic.main.title}, {_hint(topic)}"
        parts.append(_text(10, y + 12, title, "title"))
        y += 24
        for case, group in groupby(rows, key=lambda row: row.case):
            for number, row in enumerate(group):
                parts += _bar(results, row, topic, _top(rows, topic), y, "" if number else case)
                y += LINE
            y += 4
        y += 14
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" '
        f'viewBox="0 0 {WIDTH} {y}"><style>{STYLE}</style>'
        f'<rect class="paper" width="{WIDTH}" height="{y}"/>'
    )
    return "\n".join([head, *parts, "</svg>", ""])


def _bar(results: Results, row: Row, topic: Topic, top: float, y: int, case: str) -> Iterator[str]:
    values = row.figures.get(topic.main.name) or [0.0]
    scale = BARS / top
    length = (median(row, topic.main) or 0) * scale
    kind = "base" if row.contestant == row.base == PLAIN else "bar"
    middle = y + BAR_HEIGHT / 2
    yield _text(10, y + 10, case, "")
    yield _text(LABELS - 6, y + 10, row.contestant, "quiet", "end")
    yield (
        f'<rect class="{kind}" x="{LABELS}" y="{y}" width="{length:.1f}" height="{BAR_HEIGHT}"/>'
    )
    if len(values) > 1:
        low, high = (LABELS + value * scale for value in (min(values), max(values)))
        yield (f'<path class="range" d="M{low:.1f} {middle}H{high:.1f}"/>')
    ratio = results.ratio(row, topic.main)
    compared = "" if ratio is None else f" ({ratio:.2f} times {row.base})"
    text = shown(median(row, topic.main)) + compared
    yield _text(LABELS + max(length, max(values) * scale) + 6, y + 10, text, "")


def _text(x: float, y: float, text: str, kind: str, anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'


def _top(rows: list[Row], topic: Topic) -> float:
    return max((max(row.figures.get(topic.main.name) or [0]) for row in rows), default=0) or 1.0


def _hint(topic: Topic) -> str:
    return f"{topic.main.better} is better"


def _color(row: Row) -> str:
    return "bright_black" if row.contestant == row.base == PLAIN else "blue"
