"""Claims start behind an expensive front, and look at it now and then."""

from __future__ import annotations

from uuid import uuid4

from pgqueuer.adapters.persistence.frontier import (
    APART,
    CHEAP,
    FRONT,
    LONGEST,
    SLOW,
    WORKERS,
    Frontier,
    Frontiers,
)
from pgqueuer.domain.models import utc_now
from pgqueuer.models import Job

MANY = 1_000_000


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def job(job_id: int, priority: int = 0, entrypoint: str = "a") -> Job:
    now = utc_now()
    return Job.model_validate(
        {
            "id": job_id,
            "priority": priority,
            "created": now,
            "updated": now,
            "heartbeat": now,
            "execute_after": now,
            "status": "picked",
            "entrypoint": entrypoint,
            "payload": None,
            "queue_manager_id": uuid4(),
        }
    )


def test_a_cheap_front_is_looked_at_by_every_claim() -> None:
    frontier = Frontier()
    frontier.looked(CHEAP, [job(1)], 10)
    assert frontier.start(["a"]) is None


def test_after_a_slow_claim_that_found_nothing_it_is_asked_first_whether_anything_is_due() -> None:
    clock = Clock()
    frontier = Frontier(clock)
    for seconds, start in ((SLOW / 2, None), (SLOW * 2, [FRONT])):
        assert frontier.start(["a"]) is None
        clock.now += seconds
        frontier.looked(None, [], 10)
        assert frontier.start(["a"]) == start


def test_once_something_is_due_the_front_is_looked_at_as_ever() -> None:
    clock = Clock()
    frontier = Frontier(clock)
    assert frontier.start(["a"]) is None
    clock.now += SLOW * 2
    frontier.looked(None, [], 10)
    assert frontier.start(["a"]) == [FRONT]

    frontier.advance([job(7)])

    assert frontier.start(["a"]) is None
    assert frontier.places == {}


def test_claims_start_behind_an_expensive_front_until_it_is_time() -> None:
    clock = Clock()
    frontier = Frontier(clock)
    frontier.looked(MANY, [job(7)], 10)
    assert frontier.start(["a", "b"]) == [(0, 7), FRONT]
    frontier.advance([job(9), job(8), job(3, priority=5)])
    assert frontier.start(["a"]) == [(0, 9)]
    clock.now += LONGEST
    assert frontier.start(["a"]) is None


def test_a_look_that_finds_fewer_jobs_than_wanted_goes_on_where_claims_were() -> None:
    frontier = Frontier()
    frontier.looked(MANY, [job(7)], 10)
    frontier.looked(MANY, [job(2)], 10)
    assert frontier.start(["a"]) == [(0, 7)]


def test_a_look_that_finds_all_that_was_wanted_goes_on_from_there() -> None:
    frontier = Frontier()
    frontier.looked(MANY, [job(7)], 10)
    frontier.looked(MANY, [job(2), job(1)], 2)
    assert frontier.start(["a"]) == [(0, 2)]


def test_a_look_that_finds_nothing_is_taken_to_cost_what_the_last_one_did() -> None:
    clock = Clock()
    frontier = Frontier(clock)
    frontier.looked(None, [], 10)
    assert frontier.start(["a"]) is None
    frontier.looked(MANY, [job(7)], 10)
    clock.now += LONGEST
    frontier.looked(None, [], 10)
    assert frontier.start(["a"]) == [(0, 7)]


def test_a_front_that_has_become_cheap_is_looked_at_again() -> None:
    frontier = Frontier()
    frontier.looked(MANY, [job(7)], 10)
    frontier.looked(10, [job(8)], 10)
    assert frontier.start(["a"]) is None


def test_a_survey_comes_first_and_then_only_while_the_front_is_expensive() -> None:
    frontier = Frontier()
    assert frontier.start(["a"]) is None
    assert frontier.doubtful

    assert not frontier.surveyed({})
    frontier.looked(CHEAP, [job(1)], 10)

    assert frontier.start(["a"]) is None
    assert not frontier.doubtful


def test_claims_start_where_a_survey_says_until_it_is_time_for_the_next() -> None:
    clock = Clock()
    frontier = Frontier(clock)
    frontier.start(["a", "b"])
    clock.now += 0.0625
    assert frontier.surveyed({"a": (3, 70)})
    assert frontier.known(["a", "b"]) == [(3, 70), FRONT]
    frontier.advance([job(80, priority=3)])
    assert frontier.start(["a"]) == [(3, 80)]
    assert not frontier.doubtful

    clock.now += 0.0625 * APART
    assert frontier.start(["a"]) is None
    assert frontier.doubtful
    assert frontier.surveyed({"a": (3, 10)})
    assert frontier.known(["a"]) == [(3, 10)]


def test_a_survey_that_finds_nothing_leaves_the_look_to_a_claim() -> None:
    clock = Clock()
    frontier = Frontier(clock)
    frontier.looked(MANY, [job(7)], 10)
    clock.now += LONGEST
    assert frontier.start(["a"]) is None
    assert frontier.doubtful
    assert not frontier.surveyed({})

    frontier.looked(MANY, [job(9)], 10)

    assert frontier.start(["a"]) == [(0, 9)]
    assert not frontier.doubtful


def test_workers_of_long_ago_are_forgotten() -> None:
    frontiers, first = Frontiers(), uuid4()
    remembered = frontiers.of(first)
    for _ in range(WORKERS):
        frontiers.of(uuid4())
    assert frontiers.of(first) is not remembered
