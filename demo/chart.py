"""The picture of a run: jobs finished over time, and how long they waited and ran."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

WIDTH, HEIGHT, MARGIN = 720, 240, 56
STYLE = (
    "text{font:12px sans-serif;fill:#333}.axis{stroke:#999;fill:none}"
    ".line{stroke:#2563eb;stroke-width:2;fill:none}.bar{fill:#2563eb}.title{font-weight:bold}"
)


def draw(
    title: str, finished: Sequence[float], quantiles: Sequence[tuple[str, Sequence[float]]]
) -> str:
    """An SVG of two plots.

    `finished` are the times, in seconds from the start, at which jobs ended, in order.
    `quantiles` are rows of a label and its p50, p95 and p99 in seconds.
    """
    total = 2 * HEIGHT + 3 * MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {total}" '
        f'width="{WIDTH}" height="{total}" role="img" aria-label="{escape(title)}">',
        f"<style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{total}" fill="#fff"/>',
        _text(MARGIN, 28, title, "title"),
        *_progress(finished, MARGIN),
        *_bars(quantiles, HEIGHT + 2 * MARGIN),
        "</svg>",
    ]
    return "\n".join(parts)


def _text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}">'
        f"{escape(words)}</text>"
    )


def _progress(finished: Sequence[float], top: float) -> list[str]:
    last = max(finished, default=0.0) or 1.0
    bottom, right = top + HEIGHT - 20, WIDTH - MARGIN
    points = [(0.0, 0), *((moment, number) for number, moment in enumerate(finished, 1))]
    step = max(len(points) // 300, 1)
    shown = [*points[::step], points[-1]]
    path = " ".join(
        f"{MARGIN + moment / last * (right - MARGIN):.1f},"
        f"{bottom - number / max(len(finished), 1) * (bottom - top - 10):.1f}"
        for moment, number in shown
    )
    return [
        f'<polyline class="axis" points="{MARGIN},{top} {MARGIN},{bottom} {right},{bottom}"/>',
        f'<polyline class="line" points="{path}"/>',
        _text(MARGIN - 6, top + 14, f"{len(finished):,}", anchor="end"),
        _text(MARGIN - 6, bottom, "0", anchor="end"),
        _text(right, bottom + 16, f"{last:.1f} s", anchor="end"),
        _text(MARGIN, bottom + 16, "jobs finished over time"),
    ]


def _bars(rows: Sequence[tuple[str, Sequence[float]]], top: float) -> list[str]:
    longest = max((value for _, values in rows for value in values), default=0.0) or 1.0
    parts, y = [], top
    for label, values in rows:
        for name, value in zip(("p50", "p95", "p99"), values, strict=True):
            width = max(value / longest * (WIDTH - 3 * MARGIN - 80), 1)
            parts += [
                _text(MARGIN + 70, y + 13, f"{label} {name}", anchor="end"),
                f'<rect class="bar" x="{MARGIN + 80}" y="{y}" width="{width:.1f}" height="16"/>',
                _text(MARGIN + 86 + width, y + 13, f"{value * 1000:,.1f} ms"),
            ]
            y += 26
        y += 16
    return parts
