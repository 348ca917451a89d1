from __future__ import annotations

import pytest

from pgqueuer.plugins import UnknownNameError
from pgqueuer.plugins.executors import resolve_executor, resolve_schedule_executor
from pgqueuer.plugins.registry import PluginRegistry
from tests.support.plugin_site import Site

EXECUTORS = """
    from pgqueuer.plugins import hookimpl, ExecutorSpec, ScheduleExecutorSpec

    @hookimpl
    def pgqueuer_register_executors():
        yield ExecutorSpec(name="x", factory=lambda parameters, *, size=1: (parameters, size))

    @hookimpl
    def pgqueuer_register_schedule_executors():
        yield ScheduleExecutorSpec(name="y", factory=lambda parameters, **options: options)
"""


@pytest.fixture
def registry(site: Site) -> PluginRegistry:
    site.plugin("executors-of-a-stranger", EXECUTORS)
    return site.load()


def test_options_are_filled_in(registry: PluginRegistry) -> None:
    make = resolve_executor("x", {"size": 3}, registry=registry)
    assert make("parameters") == ("parameters", 3)  # type: ignore[arg-type, comparison-overlap]


def test_options_may_be_left_out(registry: PluginRegistry) -> None:
    make = resolve_executor("x", registry=registry)
    assert make("parameters") == ("parameters", 1)  # type: ignore[arg-type, comparison-overlap]


def test_an_option_that_the_executor_does_not_know_is_a_type_error(
    registry: PluginRegistry,
) -> None:
    with pytest.raises(TypeError, match="colour"):
        resolve_executor("x", {"colour": 1}, registry=registry)("parameters")  # type: ignore[arg-type]


def test_schedules_have_executors_of_their_own(registry: PluginRegistry) -> None:
    make = resolve_schedule_executor("y", {"a": 1}, registry=registry)
    assert make("parameters") == {"a": 1}  # type: ignore[arg-type, comparison-overlap]
    with pytest.raises(UnknownNameError, match=r"no schedule executor 'x'\. Known: y"):
        resolve_schedule_executor("x", registry=registry)


def test_the_bundled_executors_are_known() -> None:
    registry = PluginRegistry.load({}, bundled_only=True)
    for name in ("default", "database-retry"):
        assert callable(resolve_executor(name, registry=registry))
    assert callable(resolve_schedule_executor("default", registry=registry))
