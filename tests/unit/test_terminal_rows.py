"""What the cells of the terminal view are made of."""

from __future__ import annotations

import pytest

from pgqueuer.adapters.terminal.rows import printable, sparkline


@pytest.mark.parametrize(
    ("counts", "bars"), [([], ""), ([0, 0], "▁▁"), ([0, 1, 100], "▁▂█"), ([1, 2, 4], "▃▅█")]
)
def test_only_zero_has_the_lowest_bar(counts: list[int], bars: str) -> None:
    assert sparkline(counts) == bars


def test_what_would_steer_the_terminal_is_replaced() -> None:
    assert printable("a\x1b[31m\nb\t") == "a\ufffd[31m\ufffdb\ufffd"
    assert printable("a\nb\t", lines=True) == "a\nb\t"
