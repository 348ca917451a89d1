"""Where the backlog begins, for claims that would look at much before they find a job.

Jobs that are not due stand in the order of their entrypoint among those that are, and the dead
rows of finished jobs stay before them for as long as an old snapshot may want to see them. A claim
that starts at the front reads all of that each time. So a worker remembers how far it has claimed,
and while the front is expensive it starts from there, but for a look at the front now and then: for
jobs that became due, came back, or were committed late. Higher priorities are always seen.

Where the front may be expensive, a look is a survey first. That tells where to start if many jobs
are not due and not too many are; where it tells nothing, the look is a claim.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from pgqueuer.domain.models import Job
from pgqueuer.domain.types import QueueManagerId

CHEAP: Final = 5_000
"""Index entries that a claim may read beside those of its jobs; a millisecond or two."""

APART: Final = 40
"""A look at the front is made after so many times what it takes."""

SECONDS_PER_ENTRY: Final = 1e-6
"""About what a claim takes to read one."""

SLOW: Final = 0.02
"""Seconds after which a claim that found nothing may have read a backlog that is not due."""

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
    front_at: float = 0.0
    began: float = math.inf
    idle: bool = False
    unseen: bool = True
    surveyed_only: bool = False
    doubtful: bool = False
    """Whether a survey should come before the claim that `start` was asked for."""

    def start(self, entrypoints: Sequence[str]) -> list[Place] | None:
        """Where to start in each entrypoint; None for the front."""
        self.began = self.clock()
        if self.pause and self.began < self.front_at:
            self.doubtful = False
            return self.known(entrypoints)
        self.doubtful = self.unseen or self.idle or self.pause > 0
        if self.idle:
            # Such a claim sees every job, too, but asks first whether anything is due.
            return [FRONT] * len(entrypoints)
        return None

    def surveyed(self, found: Mapping[str, Place]) -> bool:
        """Learn where to start in the entrypoints whose front is expensive, if there are any."""
        self.unseen = False
        self.surveyed_only = bool(found)
        if found:
            self.places = dict(found)
            self._look_again(self.clock() - self.began)
        else:
            self.began = self.clock()
        return bool(found)

    def known(self, entrypoints: Sequence[str]) -> list[Place]:
        """How far each entrypoint is known."""
        return [self.places.get(name, FRONT) for name in entrypoints]

    def looked(self, scanned: int | None, jobs: Sequence[Job], wanted: int) -> None:
        """Learn from a claim that began at the front and read `scanned` entries for `jobs`.

        Without jobs `scanned` is not known, and taken to be what it was.
        """
        if scanned is not None:
            beside = scanned - 4 * len(jobs)
            self.pause = min(beside * SECONDS_PER_ENTRY * APART, LONGEST) if beside > CHEAP else 0.0
        elif self.clock() - self.began > SLOW:
            self.idle = True
        if not self.pause or len(jobs) == wanted:
            # There may be more where these came from, far before what was claimed already.
            self.places.clear()
        if self.pause:
            self.front_at = self.clock() + self.pause
            self.advance(jobs)

    def advance(self, jobs: Sequence[Job]) -> None:
        """Remember how far `jobs` reach; never go back."""
        if self.surveyed_only:
            # This claim still looked at the front of the entrypoints that the survey left out.
            self.surveyed_only = False
            self._look_again(self.clock() - self.began)
        if jobs:
            self.idle = False
        for job in jobs if self.pause else ():
            known = self.places.get(job.entrypoint, FRONT)
            if known is FRONT or (-job.priority, job.id) > (-known[0], known[1]):
                self.places[job.entrypoint] = (job.priority, job.id)

    def _look_again(self, seconds: float) -> None:
        """Rest as long as suits a look that took so many seconds."""
        self.pause = min(seconds * APART, LONGEST)
        self.front_at = self.clock() + self.pause


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
