"""What can be measured, one module a scenario."""

from __future__ import annotations

from benchmarks.measuring import Scenario
from benchmarks.scenarios.backlog import BACKLOG
from benchmarks.scenarios.drain import DRAIN
from benchmarks.scenarios.drivers import DRIVERS
from benchmarks.scenarios.enqueue import ENQUEUE
from benchmarks.scenarios.idle import IDLE
from benchmarks.scenarios.latency import LATENCY
from benchmarks.scenarios.limits import LIMITS
from benchmarks.scenarios.pinned import PINNED
from benchmarks.scenarios.plugins import PLUGIN_START, PLUGINS
from benchmarks.scenarios.start import START
from benchmarks.scenarios.tuning import TUNING
from benchmarks.scenarios.waiting import WAITING

ALL: dict[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        DRAIN,
        ENQUEUE,
        LATENCY,
        BACKLOG,
        LIMITS,
        IDLE,
        START,
        PINNED,
        TUNING,
        DRIVERS,
        PLUGINS,
        PLUGIN_START,
        WAITING,
    )
}
