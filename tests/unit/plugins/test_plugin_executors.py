from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pgqueuer.executors import ScheduleExecutorFactoryParameters
from pgqueuer.models import Schedule
from pgqueuer.plugins import FactoryError, UnknownNameError
from pgqueuer.plugins.executors import resolve_executor, resolve_schedule_executor
from pgqueuer.plugins.registry import PluginRegistry
from pgqueuer.types import CronEntrypoint, CronExpression
from tests.support.plugin_site import Site

EXECUTORS = """
    from pgqueuer.plugins import hookimpl, ExecutorSpec, ScheduleExecutorSpec

    class Made:
        def __init__(self, parameters, **options):
            self.made_of = parameters, options

        async def execute(self, *args): ...

    def sized(parameters, *, size=1):
        return Made(parameters, size=size)

    @hookimpl
    def pgqueuer_register_executors():
        yield ExecutorSpec(name="x", factory=sized)
        yield ExecutorSpec(name="nothing", factory=lambda parameters: None)

    @hookimpl
    def pgqueuer_register_schedule_executors():
        yield ScheduleExecutorSpec(name="y", factory=Made)
"""


def made_of(make: Callable[[Any], Any]) -> object:
    return make("parameters").made_of


@pytest.fixture
def registry(site: Site) -> PluginRegistry:
    site.plugin("executors-of-a-stranger", EXECUTORS)
    return site.load()


def test_options_are_filled_in(registry: PluginRegistry) -> None:
    make = resolve_executor("x", {"size": 3}, registry=registry)
    assert made_of(make) == ("parameters", {"size": 3})


def test_options_may_be_left_out(registry: PluginRegistry) -> None:
    make = resolve_executor("x", registry=registry)
    assert made_of(make) == ("parameters", {"size": 1})


def test_an_option_that_the_executor_does_not_know_is_a_type_error(
    registry: PluginRegistry,
) -> None:
    with pytest.raises(TypeError, match="colour") as caught:
        made_of(resolve_executor("x", {"colour": 1}, registry=registry))
    [note] = caught.value.__notes__
    assert "executor 'x' of plugin executors-of-a-stranger (executors-of-a-stranger 1.0)" in note


def test_a_factory_that_makes_no_executor_is_named(registry: PluginRegistry) -> None:
    with pytest.raises(FactoryError, match=r"executor 'nothing' of plugin .* made None"):
        made_of(resolve_executor("nothing", registry=registry))


def test_schedules_have_executors_of_their_own(registry: PluginRegistry) -> None:
    make = resolve_schedule_executor("y", {"a": 1}, registry=registry)
    assert made_of(make) == ("parameters", {"a": 1})
    with pytest.raises(UnknownNameError, match=r"no schedule executor 'x'\. Known: y"):
        resolve_schedule_executor("x", registry=registry)


def test_the_bundled_executors_are_known() -> None:
    registry = PluginRegistry.load({}, bundled_only=True)
    for name in ("default", "database-retry"):
        assert callable(resolve_executor(name, registry=registry))
    assert callable(resolve_schedule_executor("default", registry=registry))


def test_what_a_stranger_made_says_so_and_what_is_bundled_does_not(
    registry: PluginRegistry,
) -> None:
    make: Any = resolve_schedule_executor("y", registry=registry)
    assert "schedule executor 'y' of plugin executors-of" in make("parameters").provided_by
    bundled: Any = resolve_schedule_executor(
        "default", registry=PluginRegistry.load({}, bundled_only=True)
    )

    async def tick(schedule: Schedule) -> None: ...

    parameters = ScheduleExecutorFactoryParameters(
        entrypoint=CronEntrypoint("a"),
        expression=CronExpression("* * * * *"),
        func=tick,
        clean_old=False,
    )
    assert bundled(parameters).provided_by == ""
