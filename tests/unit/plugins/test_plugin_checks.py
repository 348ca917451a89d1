"""What `pgq plugins check` finds, and how it says so."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from pgqueuer.adapters.cli.plugins_cmd import plugins
from tests.support.plugin_site import Site

HEAD = """
from contextlib import asynccontextmanager
from pgqueuer.plugins import *

class Tracer:
    def trace_publish(self, entrypoints): yield {}
    def trace_process(self, job): ...

class Executor:
    def __init__(self, parameters, *, size): ...
    async def execute(self, job, context): ...

@asynccontextmanager
async def open_it(settings): yield None

def command(): return __import__("click").Command("x")

"""

HOOKS = {
    "DriverSpec": "drivers",
    "TracerSpec": "tracers",
    "ExecutorSpec": "executors",
    "ScheduleExecutorSpec": "schedule_executors",
    "CommandSpec": "commands",
    "ServiceSpec": "services",
}


def offer(spec: str, arguments: str, before: str = "") -> str:
    hook = f"@hookimpl\ndef pgqueuer_register_{HOOKS[spec]}():\n"
    return f"{HEAD}{before}\n{hook}    yield {spec}(name='x', {arguments})\n"


def run(site: Site, *arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(plugins, arguments, obj=site.load(**environment))


@pytest.mark.parametrize(
    ("spec", "factory"),
    [
        ("DriverSpec", "open_it, repository=Tracer.trace_process.__get__(1)"),
        ("TracerSpec", "Tracer"),
        ("TracerSpec", "lambda: Tracer()"),
        ("ExecutorSpec", "Executor"),
        ("ExecutorSpec", "lambda parameters, **options: Executor(parameters)"),
        ("ScheduleExecutorSpec", "Executor"),
        ("CommandSpec", "command"),
        ("ServiceSpec", "open_it"),
    ],
)
def test_a_fitting_factory_is_ok(site: Site, spec: str, factory: str) -> None:
    site.plugin("fit", offer(spec, f"factory={factory}"))
    result = run(site, "check")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("ok ")


@pytest.mark.parametrize(
    ("spec", "factory", "before", "reason"),
    [
        ("DriverSpec", "'site_nowhere:x'", "", "No module named 'site_nowhere'"),
        ("DriverSpec", "open_it, repository='math:nothing'", "", "no attribute 'nothing'"),
        ("DriverSpec", "open_it, repository=command", "", "The repository takes ()"),
        ("DriverSpec", "'math:pi', repository=print", "", "can not be called"),
        ("DriverSpec", "command, repository=print", "", "The factory takes ()"),
        ("DriverSpec", "f, repository=print", "async def f(s): ...", "@asynccontextmanager"),
        ("ServiceSpec", "f", "async def f(s): yield", "@asynccontextmanager"),
        ("ServiceSpec", "C", "class C:\n  def __init__(self, s): ...", "lacks __aenter__, __aexit"),
        ("TracerSpec", "object", "", "lacks trace_publish, trace_process"),
        ("TracerSpec", "lambda x: x", "", "The factory takes (x)"),
        ("TracerSpec", "f", "def f(): raise OSError('agent')", "would fail: OSError: agent"),
        ("ExecutorSpec", "command", "", "The factory takes ()"),
        ("ExecutorSpec", "f", "async def f(p): ...", "return the executor itself"),
        ("ExecutorSpec", "C", "class C:\n  def __init__(self, p): ...", "lacks execute"),
        (
            "ScheduleExecutorSpec",
            "C",
            "class C(Executor):\n  def execute(self, s, c): ...",
            "execute is not asynchronous",
        ),
        ("CommandSpec", "lambda: 3", "", "made 3, which is no click or typer command"),
    ],
)
def test_a_factory_that_would_fail_is_a_fault(
    site: Site, spec: str, factory: str, before: str, reason: str
) -> None:
    site.plugin("unfit", offer(spec, f"factory={factory}", before), version="7.7")
    result = run(site, "check")
    assert result.exit_code == 1
    assert result.stdout.startswith("fault ")
    assert "plugin unfit (unfit 7.7)" in result.stdout
    assert reason in result.stdout
    assert result.stdout.count("\n") == 1


def test_a_missing_requirement_is_a_fault_only_when_asked_for_by_name(site: Site) -> None:
    arguments = "factory=Tracer, requires=('site_absent',), install='pip install absent'"
    site.plugin("needy", offer("TracerSpec", arguments))
    lenient, strict = run(site, "check"), run(site, "check", "needy")
    assert (lenient.exit_code, strict.exit_code) == (0, 1)
    assert lenient.stdout.startswith("missing ")
    assert "pip install absent" in lenient.stdout
    assert "pip install absent" in strict.stdout


def test_a_disabled_plugin_is_a_fault_only_when_asked_for_by_name(site: Site) -> None:
    site.plugin("off", offer("TracerSpec", "factory=Tracer"))
    lenient = run(site, "check", PGQUEUER_DISABLE_PLUGINS="off")
    strict = run(site, "check", "off", PGQUEUER_DISABLE_PLUGINS="off")
    assert (lenient.exit_code, strict.exit_code) == (0, 1)
    assert lenient.stdout == "disabled off (off 1.0): named in PGQUEUER_DISABLE_PLUGINS\n"


def test_a_plugin_in_conflict_is_a_fault(site: Site) -> None:
    site.plugin("left", offer("TracerSpec", "factory=Tracer"))
    site.plugin("right", offer("TracerSpec", "factory=Tracer"))
    result = run(site, "check", "left")
    assert result.exit_code == 1
    assert "The tracer 'x' is offered by left (left 1.0), right (right 1.0)" in result.stdout


def test_a_name_limits_the_check_to_that_plugin(site: Site) -> None:
    site.plugin("bad", "1 / 0")
    site.plugin("fit", offer("TracerSpec", "factory=Tracer"))
    assert run(site, "check").exit_code == 1
    assert run(site, "check", "fit").exit_code == 0


def test_a_name_that_is_not_installed_lists_those_that_are(site: Site) -> None:
    site.plugin("fit", offer("TracerSpec", "factory=Tracer"))
    result = run(site, "check", "fat")
    assert result.exit_code == 1
    assert result.output == "Error: There is no plugin 'fat'. Known: fit.\n"


def test_the_list_as_json_has_the_documented_keys(site: Site) -> None:
    site.plugin("bad", "1 / 0")
    site.plugin("fit", offer("TracerSpec", "factory=Tracer"), version="2.0")
    result = run(site, "list", "--json")
    bad, fit = json.loads(result.stdout)
    assert fit == {
        "plugin": "fit",
        "distribution": "fit",
        "version": "2.0",
        "status": "active",
        "provides": ["tracer:x"],
        "error": None,
    }
    assert bad["error"] == "importing 'site_bad' raised ZeroDivisionError: division by zero"


def test_the_list_for_people_shows_every_plugin(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGQUEUER_TABLEFMT", "tsv")
    site.plugin("bad", "1 / 0")
    site.plugin("fit", offer("TracerSpec", "factory=Tracer"), version="2.0")
    header, *lines = run(site, "list").stdout.splitlines()
    assert header.split() == ["plugin", "distribution", "version", "status", "provides", "error"]
    assert [line.split("\t")[3].strip() for line in lines] == ["broken", "active"]
    assert [line.split("\t")[2].strip() for line in lines] == ["1.0", "2.0"]
