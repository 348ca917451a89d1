"""Lookups: who gets a name, and what is said when nobody does."""

from __future__ import annotations

import sys

import pytest

from pgqueuer.plugins import (
    ConflictingNameError,
    FactoryError,
    MissingRequirementError,
    NoDriverError,
    PluginError,
    UnknownNameError,
    installed_plugins,
)
from tests.support.plugin_site import Site

ALL_KINDS = """
    from pgqueuer.plugins import *

    def factory(): ...

    @hookimpl
    def pgqueuer_register_drivers(): yield DriverSpec(name="d", factory=factory)

    @hookimpl
    def pgqueuer_register_tracers(): yield TracerSpec(name="t", factory=factory)

    @hookimpl
    def pgqueuer_register_executors(): yield ExecutorSpec(name="e", factory=factory)

    @hookimpl
    def pgqueuer_register_schedule_executors():
        yield ScheduleExecutorSpec(name="e", factory=factory)

    @hookimpl
    def pgqueuer_register_commands(): yield CommandSpec(name="c", factory=factory)

    @hookimpl
    def pgqueuer_register_services(): yield ServiceSpec(name="s", factory=factory)
"""


def tracers(*names: str, arguments: str = "factory='math:floor'") -> str:
    specs = ", ".join(f"TracerSpec(name={name!r}, {arguments})" for name in names)
    return (
        "from pgqueuer.plugins import hookimpl, TracerSpec\n"
        f"@hookimpl\ndef pgqueuer_register_tracers(): return [{specs}]\n"
    )


def test_every_kind_has_its_lookup(site: Site) -> None:
    site.plugin("all", ALL_KINDS)
    registry = site.load()
    found = [
        registry.driver("d"),
        registry.tracer("t"),
        registry.executor("e"),
        registry.schedule_executor("e"),
        registry.command("c"),
        registry.service("s"),
    ]
    factory = sys.modules["site_all"].factory
    assert all(capability.load() is factory for capability in found)
    assert sorted(registry.plugins[0].provides) == [
        "command:c",
        "driver:d",
        "executor:e",
        "schedule-executor:e",
        "service:s",
        "tracer:t",
    ]


def test_an_unknown_name_lists_the_known_ones_of_its_kind_only(site: Site) -> None:
    site.plugin("all", ALL_KINDS)
    site.plugin("more", tracers("b", "a"))
    with pytest.raises(LookupError, match=r"^There is no tracer 'x'\. Known: a, b, t\.$"):
        site.load().tracer("x")


def test_errors_are_ours_and_of_the_builtin_kind() -> None:
    kinds = {
        UnknownNameError: LookupError,
        ConflictingNameError: LookupError,
        NoDriverError: LookupError,
        MissingRequirementError: ImportError,
    }
    for error, builtin in kinds.items():
        assert issubclass(error, builtin)
        assert issubclass(error, PluginError)


def test_a_factory_is_imported_on_first_use_only(site: Site) -> None:
    site.module("site_heavy", "def make(): ...")
    site.plugin("lazy", tracers("lazy", arguments="factory='site_heavy:make'"))
    found = site.load().tracer("lazy")
    assert "site_heavy" not in sys.modules
    assert found.load() is sys.modules["site_heavy"].make


def test_a_factory_may_be_an_attribute_of_an_attribute(site: Site) -> None:
    site.module("site_heavy", "class Tracer:\n    @classmethod\n    def make(cls): return 7")
    site.plugin("lazy", tracers("lazy", arguments="factory='site_heavy:Tracer.make'"))
    assert site.load().tracer("lazy").load()() == 7  # type: ignore[comparison-overlap]


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ("site_nowhere:x", "ModuleNotFoundError: No module named 'site_nowhere'"),
        ("math:nothing", "AttributeError: module 'math' has no attribute 'nothing'"),
    ],
)
def test_a_factory_that_does_not_exist_names_the_distribution(
    site: Site, reference: str, reason: str
) -> None:
    site.plugin("ghost", tracers("ghost", arguments=f"factory={reference!r}"), version="4.2")
    found = site.load().tracer("ghost")
    with pytest.raises(FactoryError) as raised:
        found.load()
    assert f"The tracer 'ghost' of plugin ghost (ghost 4.2) refers to '{reference}'" in str(
        raised.value
    )
    assert reason in str(raised.value)


def test_a_missing_requirement_prints_what_to_install(site: Site) -> None:
    arguments = "factory='math:floor', requires=('math', 'site_absent.part'), install='pip me'"
    site.plugin("needy", tracers("needy", arguments=arguments))
    with pytest.raises(MissingRequirementError, match=r"needs site_absent\.part.*: pip me$"):
        site.load().tracer("needy")


def test_requirements_are_looked_for_without_importing_them(site: Site) -> None:
    site.module("site_heavy", "raise RuntimeError('imported')")
    site.plugin("needy", tracers("n", arguments="factory='math:floor', requires=('site_heavy.x',)"))
    assert site.load().tracer("n").missing == ()
    assert "site_heavy" not in sys.modules


def test_a_module_without_a_spec_counts_as_installed(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = type(sys)("site_made_up")
    monkeypatch.setitem(sys.modules, "site_made_up", module)
    site.plugin("n", tracers("n", arguments="factory='math:floor', requires=('site_made_up',)"))
    assert site.load().tracer("n").missing == ()


def test_two_plugins_with_one_name_fail_only_when_that_name_is_asked_for(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.plugin("left", tracers("shared", "left"), version="1.1")
    site.plugin("right", tracers("shared", "right"), version="2.2")
    registry = site.load(PGQUEUER_STRICT_PLUGINS="1")
    assert caplog.records == []
    assert registry.tracer("left").plugin.name == "left"
    assert registry.tracer("right").plugin.name == "right"
    with pytest.raises(ConflictingNameError) as raised:
        registry.tracer("shared")
    assert "left (left 1.1), right (right 2.2)" in str(raised.value)
    assert [plugin.status for plugin in registry.plugins] == ["conflict", "conflict"]
    assert "'shared'" in str(registry.plugins[0].error)


def test_naming_one_of_two_ends_the_conflict(site: Site) -> None:
    site.plugin("left", tracers("shared"))
    site.plugin("right", tracers("shared"))
    registry = site.load(PGQUEUER_DISABLE_PLUGINS="left")
    assert registry.tracer("shared").plugin.name == "right"
    assert [plugin.status for plugin in registry.plugins] == ["disabled", "active"]


def test_one_name_may_be_used_for_two_kinds(site: Site) -> None:
    site.plugin("all", ALL_KINDS)
    site.plugin("more", tracers("d", "e"))
    assert [plugin.status for plugin in site.load().plugins] == ["active", "active"]


def test_two_distributions_may_use_one_entry_point_name(site: Site) -> None:
    for name in ("left", "right"):
        site.module(f"site_{name}", tracers(name))
        site.distribution(name, "1.0", {"tracing": f"site_{name}"})
    registry = site.load()
    assert [(one.name, one.distribution) for one in registry.plugins] == [
        ("tracing", "left"),
        ("tracing", "right"),
    ]
    assert registry.tracer("left").plugin.distribution == "left"
    assert registry.tracer("right").plugin.distribution == "right"


def test_a_bundled_name_can_not_be_taken(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    site.module("ours", tracers("plain"))
    site.distribution("pgqueuer", "9.9", {"ours": "ours"})
    site.plugin("evil", tracers("plain", "other"), version="6.6")
    registry = site.load()
    assert registry.tracer("plain").plugin.distribution == "pgqueuer"
    assert "Plugin evil (evil 6.6) can not be used: the tracer name 'plain'" in caplog.text
    with pytest.raises(UnknownNameError, match=r"evil \(evil 6\.6\)"):
        registry.tracer("other")


def test_the_installed_plugins_are_loaded_once_a_process() -> None:
    installed_plugins.cache_clear()
    try:
        assert installed_plugins() is installed_plugins()
    finally:
        installed_plugins.cache_clear()
