"""Looks at every state that a design can reach, breadth first."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import permutations

from tests.model.claims import Broken, Design, State


@dataclass(frozen=True)
class Found:
    """How many states and steps there are, and how the first violation comes about, if any is."""

    states: int
    steps: int
    violation: str | None = None
    trace: tuple[str, ...] = ()


def explore(design: Design) -> Found:
    """Check what must never happen in every state, and that each can still come to a good end.

    A good end is one that needs no further fault: from every state a way of ordinary steps leads
    to where all jobs ended.
    """
    first = canonical(design.first())
    reached: dict[State, tuple[State, str] | None] = {first: None}
    before: dict[State, list[State]] = {}
    waiting = deque([first])
    steps = 0
    while waiting:
        state = waiting.popleft()
        try:
            design.check(state)
            for step in design.steps(state):
                steps += 1
                after = canonical(step.state)
                if not step.fault:
                    before.setdefault(after, []).append(state)
                if after not in reached:
                    name = f"{step.name} (worker {step.worker}, job {step.job})"
                    reached[after] = state, name
                    waiting.append(after)
        except Broken as error:
            return Found(len(reached), steps, str(error), trace_to(state, reached))
    stuck = set(reached) - can_end(design, reached, before)
    if stuck:
        state = next(state for state in reached if state in stuck)
        return Found(len(reached), steps, f"stuck in {state}", trace_to(state, reached))
    return Found(len(reached), steps)


def can_end(
    design: Design,
    reached: dict[State, tuple[State, str] | None],
    before: dict[State, list[State]],
) -> set[State]:
    ends = {state for state in reached if design.done(state)}
    waiting = deque(ends)
    while waiting:
        for state in before.get(waiting.popleft(), ()):
            if state not in ends:
                ends.add(state)
                waiting.append(state)
    return ends


def trace_to(state: State, reached: dict[State, tuple[State, str] | None]) -> tuple[str, ...]:
    names: list[str] = []
    while (origin := reached[state]) is not None:
        state, name = origin
        names.append(name)
    return tuple(reversed(names))


def canonical(state: State) -> State:
    """One state for all that differ only in which job or worker is which."""
    jobs = range(len(state.rows))
    return min(_renumbered(state, order) for order in permutations(jobs))


def _renumbered(state: State, order: tuple[int, ...]) -> State:
    workers = [
        worker._replace(
            jobs=tuple(worker.jobs[job] for job in order),
            claiming=order.index(worker.claiming) if worker.claiming >= 0 else worker.claiming,
        )
        for worker in state.workers
    ]
    rows = [state.rows[job] for job in order]
    owned = [
        tuple(number for number, row in enumerate(rows) if row.owner == worker)
        for worker in range(len(workers))
    ]
    ranks = sorted(range(len(workers)), key=lambda worker: (owned[worker], workers[worker]))
    return state._replace(
        rows=tuple(
            row._replace(owner=ranks.index(row.owner)) if row.owner >= 0 else row for row in rows
        ),
        workers=tuple(workers[worker] for worker in ranks),
    )
