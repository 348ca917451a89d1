"""A fault is told, and stays with the plugin that has it."""

from __future__ import annotations

import logging

import pytest

from pgqueuer.plugins import BrokenPluginError, UnknownNameError
from tests.support.plugin_site import Site

HEAD = "from pgqueuer.plugins import hookimpl, DriverSpec, TracerSpec\n"

GOOD = (
    HEAD
    + """
@hookimpl
def pgqueuer_register_tracers():
    yield TracerSpec(name="good", factory="math:floor")
"""
)

FAULTS = {
    "raises on import": ("1 / 0", "importing 'site_bad' raised ZeroDivisionError: division"),
    "exits on import": ("raise SystemExit(3)", "importing 'site_bad' raised SystemExit: 3"),
    "panics on import": (
        "class Panic(BaseException): ...\nraise Panic('rust\\n  says no')",
        "raised Panic: rust says no",
    ),
    "syntax": ("def", "raised SyntaxError: invalid syntax"),
    "no hooks": ("x = 1", "has no hooks; define one of pgqueuer_register_drivers"),
    "misspelt hook": (
        "@hookimpl\ndef pgqueuer_register_tracer(): return []",
        "implements 'pgqueuer_register_tracer', which is no hook; "
        "did you mean pgqueuer_register_tracers?",
    ),
    "nothing like a hook": (
        "@hookimpl\ndef zzz(): return []",
        "'zzz', which is no hook; the hooks are pgqueuer_register_drivers, ",
    ),
    "no marker": (
        "def pgqueuer_register_tracers(): return []",
        "pgqueuer_register_tracers has no marker; decorate it with @hookimpl",
    ),
    "arguments": (
        "@hookimpl\ndef pgqueuer_register_tracers(config): return []",
        "declared in the hookimpl but can not be found in the hookspec",
    ),
    "coroutine": (
        "@hookimpl\nasync def pgqueuer_register_tracers(): return []",
        "pgqueuer_register_tracers is asynchronous",
    ),
    "asynchronous generator": (
        "@hookimpl\nasync def pgqueuer_register_tracers():\n"
        "    yield TracerSpec(name='x', factory='a:b')",
        "pgqueuer_register_tracers is asynchronous",
    ),
    "coroutine behind a function": (
        "async def late(): ...\n@hookimpl\ndef pgqueuer_register_tracers(): return late()",
        "return a list of TracerSpec or yield each",
    ),
    "bare spec": (
        "@hookimpl\ndef pgqueuer_register_tracers(): return TracerSpec(name='x', factory='a:b')",
        "return a list of TracerSpec or yield each",
    ),
    "not a spec": (
        "@hookimpl\ndef pgqueuer_register_tracers(): return ['datadog']",
        "pgqueuer_register_tracers offers 'datadog', which is no TracerSpec",
    ),
    "spec of another hook": (
        "@hookimpl\ndef pgqueuer_register_tracers():\n"
        "    return [DriverSpec(name='x', factory='a:b')]",
        "which is no TracerSpec",
    ),
    "raises half-way": (
        "@hookimpl\ndef pgqueuer_register_tracers():\n"
        "    yield TracerSpec(name='x', factory='a:b')\n    raise OSError('disk')",
        "OSError: disk",
    ),
    "wrong field": (
        "@hookimpl\ndef pgqueuer_register_tracers():\n"
        "    yield TracerSpec(name='x', factory='nowhere')",
        "ValueError: factory='nowhere': write it as 'package.module:attribute'",
    ),
    "one name twice": (
        "@hookimpl\ndef pgqueuer_register_tracers():\n"
        "    yield TracerSpec(name='x', factory='a:b')\n"
        "    yield TracerSpec(name='x', factory='a:c')",
        "offers the tracer 'x' twice",
    ),
}


@pytest.mark.parametrize(("source", "reason"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_is_named_and_costs_no_other_plugin(
    site: Site, caplog: pytest.LogCaptureFixture, source: str, reason: str
) -> None:
    site.plugin("a-good", GOOD)
    site.plugin("bad", HEAD * ("hookimpl" in source) + source, version="0.3")
    registry = site.load()
    [good, bad] = registry.plugins
    assert (good.status, good.provides) == ("active", ("tracer:good",))
    assert (bad.status, bad.specs) == ("broken", ())
    assert reason in str(bad.error)
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert "Plugin bad (bad 0.3) can not be used: " in record.message
    assert reason in record.message
    assert "\n" not in record.message
    assert "PGQUEUER_DISABLE_PLUGINS=bad" in record.message


@pytest.mark.parametrize(("source", "reason"), FAULTS.values(), ids=FAULTS.keys())
def test_strict_mode_raises_instead_of_warning(
    site: Site, caplog: pytest.LogCaptureFixture, source: str, reason: str
) -> None:
    site.plugin("bad", HEAD * ("hookimpl" in source) + source, version="0.3")
    with pytest.raises(BrokenPluginError) as raised:
        site.load(PGQUEUER_STRICT_PLUGINS="1")
    assert "Plugin bad (bad 0.3)" in str(raised.value)
    assert reason in str(raised.value)
    assert caplog.records == []


def test_the_reason_is_told_again_to_who_asks_for_a_name_that_nobody_provides(site: Site) -> None:
    site.plugin("bad", "1 / 0")
    site.plugin("off", GOOD)
    registry = site.load(PGQUEUER_DISABLE_PLUGINS="off")
    with pytest.raises(UnknownNameError) as raised:
        registry.tracer("good")
    message = str(raised.value)
    assert message.startswith("There is no tracer 'good'. Known: none.")
    assert "Plugin bad (bad 1.0) can not be used: importing 'site_bad' raised Zero" in message
    assert message.endswith("Disabled plugins: off (off 1.0).")


def test_the_exception_behind_a_fault_is_kept(site: Site) -> None:
    site.plugin("bad", "1 / 0")
    cause = site.load().plugins[0].cause
    assert cause is not None
    assert isinstance(cause.__cause__, ZeroDivisionError)


def test_ctrl_c_during_an_import_is_no_fault_of_the_plugin(site: Site) -> None:
    site.plugin("slow", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        site.load()


CLASS = (
    HEAD
    + """
class Plugin:
    @hookimpl
    def pgqueuer_register_tracers(self):
        return [TracerSpec(name="method", factory="math:floor")]

instance = Plugin()
"""
)


def test_an_instance_is_a_plugin(site: Site) -> None:
    site.module("site_object", CLASS)
    site.distribution("object", "1.0", {"object": "site_object:instance"})
    assert site.load().plugins[0].provides == ("tracer:method",)


def test_a_class_is_not_a_plugin(site: Site) -> None:
    site.module("site_object", CLASS)
    site.distribution("object", "1.0", {"object": "site_object:Plugin"})
    [plugin] = site.load().plugins
    assert plugin.status == "broken"
    assert "'site_object:Plugin' is a class; name a module, or an instance" in str(plugin.error)


def test_a_hook_of_a_later_release_may_be_marked_optional(site: Site) -> None:
    source = "@hookimpl(optionalhook=True)\ndef pgqueuer_register_weather(): return [1]\n"
    site.plugin("ahead", GOOD + source)
    [plugin] = site.load().plugins
    assert (plugin.status, plugin.provides) == ("active", ("tracer:good",))


@pytest.mark.parametrize("body", ["return None", "return []", "yield from ()"])
def test_a_plugin_may_have_nothing_to_offer(site: Site, body: str) -> None:
    site.plugin("idle", HEAD + f"@hookimpl\ndef pgqueuer_register_tracers():\n    {body}\n")
    [plugin] = site.load().plugins
    assert (plugin.status, plugin.provides) == ("active", ())


def test_hooks_run_once_however_often_names_are_looked_up(site: Site) -> None:
    site.plugin("count", HEAD + "calls = []\n" + GOOD.replace("yield", "calls.append(1); yield"))
    registry = site.load()
    for _ in range(3):
        registry.tracer("good")
    import site_count  # type: ignore[import-not-found]

    assert site_count.calls == [1]
