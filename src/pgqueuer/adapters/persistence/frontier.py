"""Where the backlog begins, for claims that would look at much before they find a job.

Jobs that are not due stand in the order of their entrypoint among those that are, and the dead
rows of finished jobs stay before them for as long as an old snapshot may want to see them. A claim
that starts at the front reads all of that each time. So a worker remembers how far it has claimed,
and while the front is expensive it starts from there, but for a look at the front now and then: for
jobs that became due, came back, or were committed late. Higher priorities are always seen.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from pgqueuer.domain.models import Job
from pgqueuer.domain.types import QueueManagerId

CHEAP: Final = 5_000
"""Index entries that a claim may read beside those of its jobs; a millisecond or two."""

LOOKS: Final = 20
"""A look at the front is made after so many times what it takes."""

SECONDS_PER_ENTRY: Final = 1e-6
"""About what a look takes."""

SLOW: Final = 0.02
"""Seconds after which a claim that found nothing has read an expensive front."""

LONGEST: Final = 5.0
"""Seconds that a job at an expensive front may wait for the next look."""

WORKERS: Final = 64
"""So many workers of one `Queries` are remembered."""

Place = tuple[int, int]
"""Priority and id of a job."""

FRONT: Final[Place] = (-(2**31), 0)
"""A claim that starts here finds every job, as each has a higher priority, or a higher id."""


@dataclass(slots=True)
class Frontier:
    """How far one worker has claimed, by entrypoint, and when it looks at the front again."""

    clock: Callable[[], float] = time.monotonic
    places: dict[str, Place] = field(default_factory=dict)
    pause: float = 0.0
    began: float = math.inf
    front_at: float = 0.0

    def start(self, entrypoints: Sequence[str]) -> list[Place] | None:
        """Where to start in each entrypoint; None for the front."""
        now = self.clock()
        if not self.pause or now >= self.front_at:
            self.began = now
            return None
        return [self.places.get(name, FRONT) for name in entrypoints]

    def looked(self, scanned: int | None, jobs: Sequence[Job], wanted: int) -> None:
        """Learn from a claim that began at the front and read `scanned` entries for `jobs`.

        Without jobs `scanned` is not known, and taken to be what it was, unless the claim was slow.
        """
        if scanned is not None:
            beside = scanned - 4 * len(jobs)
            self.pause = min(beside * SECONDS_PER_ENTRY * LOOKS, LONGEST) if beside > CHEAP else 0.0
        elif (elapsed := self.clock() - self.began) > SLOW:
            self.pause = min(elapsed * LOOKS, LONGEST)
        if not self.pause or len(jobs) == wanted:
            # There may be more where these came from, far before what was claimed already.
            self.places.clear()
        if self.pause:
            self.front_at = self.clock() + self.pause
            self.advance(jobs)

    def advance(self, jobs: Sequence[Job]) -> None:
        """Remember how far `jobs` reach; never go back."""
        for job in jobs:
            known = self.places.get(job.entrypoint, FRONT)
            if known is FRONT or (-job.priority, job.id) > (-known[0], known[1]):
                self.places[job.entrypoint] = (job.priority, job.id)


class Frontiers:
    """The frontiers of the workers that claimed last."""

    def __init__(self) -> None:
        self._of: OrderedDict[QueueManagerId, Frontier] = OrderedDict()

    def of(self, worker: QueueManagerId) -> Frontier:
        """The frontier of this worker."""
        frontier = self._of.setdefault(worker, Frontier())
        self._of.move_to_end(worker)
        if len(self._of) > WORKERS:
            self._of.popitem(last=False)
        return frontier
