"""What a handler raises to be run again."""

from __future__ import annotations

import pickle
from datetime import timedelta

import pytest

from pgqueuer.domain.errors import RetryRequested, Snooze, retry_request

HOUR = timedelta(hours=1)


def test_a_snooze_is_a_retry_request_with_words_of_its_own() -> None:
    assert isinstance(Snooze(HOUR), RetryRequested)
    assert str(Snooze(HOUR)) == "Snoozed"
    assert Snooze(HOUR).reason is None
    assert str(Snooze(HOUR, "too early")) == Snooze(HOUR, "too early").reason == "too early"


@pytest.mark.parametrize("request_", [RetryRequested(HOUR, "why"), Snooze(HOUR, "why")])
def test_requests_come_back_from_another_process(request_: RetryRequested) -> None:
    copy = pickle.loads(pickle.dumps(request_))
    assert (type(copy), copy.delay, copy.reason) == (type(request_), HOUR, "why")


def test_the_longest_delay_of_a_group_decides_whether_the_run_counts() -> None:
    retry, snooze = RetryRequested(2 * HOUR), Snooze(HOUR)
    assert retry_request(ExceptionGroup("", [snooze, retry])) is retry
    snooze = Snooze(3 * HOUR)
    assert retry_request(ExceptionGroup("", [retry, ExceptionGroup("", [snooze])])) is snooze
    assert retry_request(ExceptionGroup("", [retry, snooze, ValueError()])) is None
