from __future__ import annotations

from pgqueuer.core.backoff import Backoff, jittered


def test_delays_double_up_to_the_longest_within_their_jitter() -> None:
    backoff = Backoff(first=1.0, longest=5.0)
    for expected in (1, 2, 4, 5, 5):
        assert 0.8 * expected <= backoff.next_delay() <= 1.2 * expected


def test_reset_begins_at_the_first_delay() -> None:
    backoff = Backoff(first=1.0, longest=60.0)
    for _ in range(5):
        backoff.next_delay()
    backoff.reset()
    assert backoff.next_delay() <= 1.2


def test_years_of_failures_do_not_overflow() -> None:
    backoff = Backoff(
        first=0.1,
        longest=5.0,
    )
    backoff.failures = 1_000_000
    assert backoff.next_delay() <= 6.0


def test_jitter_spreads() -> None:
    assert len({jittered(1.0) for _ in range(10)}) > 1
