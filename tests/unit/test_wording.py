"""Times, numbers and statuses as people read them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pgqueuer.adapters.wording import NOTHING, ago, count, percent, span, word
from pgqueuer.domain.models import utc_now


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, NOTHING),
        (0, "0 s"),
        (0.00425, "4.25 ms"),
        (0.9999, "1 s"),
        (3.5, "3.5 s"),
        (60, "1 min"),
        (7500, "2 h 5 min"),
        (86_400 * 2000, "2,000 d"),
    ],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert span(seconds) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(None, NOTHING), (0.0, "0 %"), (1e-7, "< 0.01 %"), (0.0345, "3.45 %"), (1, "100 %")],
)
def test_shares(share: float | None, text: str) -> None:
    assert percent(share) == text


def test_moments_counts_and_statuses() -> None:
    now = utc_now()
    assert [ago(None), ago(now)] == [NOTHING, "now"]
    assert ago(now - timedelta(hours=2, seconds=1)) == "2 h ago"
    assert ago(now + timedelta(days=1, seconds=9)) == "in 1 d"
    assert count(1_000_000) == "1,000,000"
    assert [word("picked"), word("failed"), word("queued")] == ["running", "held", "queued"]
