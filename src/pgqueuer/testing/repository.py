"""A test suite for stores: does this one do what workers, producers and dashboards rely on?

Every bundled store passes it, and so does yours if it is to be used in their place::

    from pgqueuer.testing.repository import RepositoryConformance, Store

    class TestMyStore(RepositoryConformance):
        @pytest.fixture
        async def repository(self):
            async with my_driver() as driver:
                yield MyQueries(driver)

`repository` yields a store without jobs, history and schedules, for one test. Tests and fixtures
are coroutines: run them with pytest-asyncio in its auto mode (`asyncio_mode = "auto"`).

Where your store can do more or less than others, say so in the class:

- `peers`, a fixture: a list of stores over the same data, each with a connection of its own. Tests
  of what happens at the same time use them. By default it is the same store several times.
- `has_insights = False`: without the reports of `InsightsRepositoryPort`.
- `has_schedules = False`: without schedules.
- `can_prune = False`: without the steps of `HistoryPruning`.
- Stores without the methods of `EntrypointPausing` skip what is about pauses.
- `can_spoil_headers = True` with an `async def spoil_headers(self, repository, job_id)` that makes
  the headers of a job something that is no object: rows can be written past the store.

Leases expire in these tests because a `heartbeat_timeout` of zero is asked for; nothing sleeps.
"""

from __future__ import annotations

from pgqueuer.testing._repository.claims import ClaimTests
from pgqueuer.testing._repository.dedupe import DedupeTests
from pgqueuer.testing._repository.enqueue import EnqueueTests
from pgqueuer.testing._repository.events import EventTests
from pgqueuer.testing._repository.history import HistoryTests
from pgqueuer.testing._repository.insights import InsightTests
from pgqueuer.testing._repository.kit import Store
from pgqueuer.testing._repository.leases import LeaseTests
from pgqueuer.testing._repository.limits import LimitTests
from pgqueuer.testing._repository.operations import OperationTests
from pgqueuer.testing._repository.outlook import OutlookTests
from pgqueuer.testing._repository.pauses import PauseTests
from pgqueuer.testing._repository.pruning import PruningTests
from pgqueuer.testing._repository.schedules import ScheduleTests
from pgqueuer.testing._repository.settling import SettlingTests
from pgqueuer.testing._repository.worker_calls import WorkerCallTests

__all__ = ["RepositoryConformance", "Store"]


class RepositoryConformance(
    EnqueueTests,
    DedupeTests,
    ClaimTests,
    LimitTests,
    SettlingTests,
    LeaseTests,
    OutlookTests,
    PauseTests,
    WorkerCallTests,
    OperationTests,
    HistoryTests,
    PruningTests,
    EventTests,
    InsightTests,
    ScheduleTests,
):
    """Inherit it, and override the fixture `repository`."""
