"""Results as text."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import fill

from tabulate import tabulate

from benchmarks.measuring import Figure, Row
from benchmarks.results import Results, Topic, median

MISSING = "-"
WIDTH = 100


def tables(results: Results) -> str:
    """What was measured on what, a table a scenario, and what was wrong."""
    parts = [_machine(results)]
    parts += [_table(results, topic) for topic in results.topics if results.of_topic(topic)]
    parts += [
        f"! {row.scenario}: {row.case}, {row.contestant}: {problem}"
        for row in results.rows
        for problem in row.problems
    ]
    return "\n\n".join(parts)


def comparison(before: Results, after: Results) -> str:
    """Two results beside each other; rows that only one of them has are left out."""
    topics = {topic.name: topic for topic in before.topics}
    old = {_key(row): row for row in before.rows}
    rows = [
        _compared(before, old[_key(row)], after, row, topics[row.scenario].main)
        for row in after.rows
        if _key(row) in old
    ]
    headers = [
        "scenario",
        "case",
        "",
        "",
        "before",
        "after",
        "after / before",
        "ratio before",
        "ratio after",
    ]
    table = tabulate(
        rows,
        headers=headers,
        disable_numparse=True,
        colalign=("left", "left", "left", "left", *["right"] * 5),
    )
    return f"Before: {_machine(before)}\nAfter:  {_machine(after)}\n\n{table}"


def shown(value: float | None) -> str:
    """Three digits, more for large numbers."""
    if value is None:
        return MISSING
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _key(row: Row) -> tuple[str, str, str]:
    return row.scenario, row.case, row.contestant


def _machine(results: Results) -> str:
    machine = results.machine
    note = f" ({machine['note']})" if machine["note"] else ""
    return (
        f"{machine['date']}, revision {machine['revision']}: {machine['cores']} cores of "
        f"{machine['cpu']}, {machine['memory']}, {machine['kernel']}, {machine['python']}, "
        f"PostgreSQL {machine['postgresql']}{note}"
    )


def _table(results: Results, topic: Topic) -> str:
    main, *others = topic.figures
    headers = ["case", "", main.title, "range", "ratio", *(figure.title for figure in others)]
    rows = list(_rows(results, topic))
    table = tabulate(
        rows,
        headers=headers,
        disable_numparse=True,
        colalign=("left", "left", *["right"] * (len(headers) - 2)),
    )
    return f"{fill(f'{topic.name}: {topic.about}', WIDTH)}\n\n{table}"


def _rows(results: Results, topic: Topic) -> Iterator[list[str]]:
    main, *others = topic.figures
    last = ""
    for row in results.of_topic(topic):
        values = row.figures.get(main.name) or []
        yield [
            row.case if row.case != last else "",
            row.contestant,
            shown(median(row, main)),
            f"{shown(min(values))} to {shown(max(values))}" if len(values) > 1 else "",
            _ratio(results, row, main),
            *(shown(median(row, figure)) for figure in others),
        ]
        last = row.case


def _ratio(results: Results, row: Row, figure: Figure) -> str:
    ratio = results.ratio(row, figure)
    return "" if ratio is None else f"{ratio:.2f}"


def _compared(before: Results, old: Row, after: Results, new: Row, figure: Figure) -> list[str]:
    first, second = median(old, figure), median(new, figure)
    return [
        new.scenario,
        new.case,
        new.contestant,
        figure.title,
        shown(first),
        shown(second),
        f"{second / first:.2f}" if first and second is not None else MISSING,
        _ratio(before, old, figure),
        _ratio(after, new, figure),
    ]
