"""What the steps of a life are drawn from."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from tests.statemachine.model import NewJob
from tests.statemachine.sides import WORKERS

ENTRYPOINTS = ["any", "one", "two"]
LIMITS = {"any": 0, "one": 1, "two": 2}
OTHER_LIMITS = {"any": 2, "one": 0, "two": 3}

owners = st.sampled_from(range(len(WORKERS)))
picks = st.lists(st.integers(0, 63), min_size=1, max_size=4)
entrypoints = st.sampled_from(ENTRYPOINTS)
served = st.sampled_from(
    [[*ENTRYPOINTS], [*ENTRYPOINTS], ["any"], ["one"], ["two"], ["two", "any"]]
).flatmap(
    lambda names: st.sampled_from([LIMITS, LIMITS, OTHER_LIMITS]).map(
        lambda limits: {name: limits[name] for name in names}
    )
)
new_jobs = st.builds(
    NewJob,
    entrypoint=entrypoints,
    priority=st.integers(-1, 2),
    delay=st.sampled_from([0, 0, 0, 0, 1, 3, -2]),
    key=st.sampled_from([None, None, "a", "b", "c"]),
)
conflicts = st.sampled_from(["raise", "skip", "update_priority"])


@dataclass(frozen=True, slots=True)
class End:
    """How a handler ends."""

    status: str
    delay: int = 0
    counts: bool = True
    record: str | None = None


ends = st.sampled_from(
    [
        End("successful"),
        End("exception", record="ValueError"),
        End("failed", record="ValueError"),
        End("failed", record="ValueError"),
        End("canceled"),
        End("queued", record="RetryRequested"),
        End("queued", delay=2, record="RetryRequested"),
        End("queued", delay=1, counts=False, record="Snooze"),
        End("queued", counts=False),
    ]
)
