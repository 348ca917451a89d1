"""A real worker beside installed plugins that misbehave while it runs; every job ends well."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pgqueuer.adapters.cli.commands import BUILT_IN
from pgqueuer.plugins.names import BUILT_IN_COMMANDS
from tests.support.cli import Outcome, environment, pgq, pgq_running
from tests.support.distributions import Distribution, Environment, pip_install

JOBS = 3

PLUGIN = """
import click
import typer
from pgqueuer.plugins import (
    CommandSpec, ExecutorSpec, ScheduleExecutorSpec, ServiceSpec, TracerSpec, hookimpl
)

@hookimpl
def pgqueuer_register_tracers():
    for name in (
        "quiet", "blocks", "swallows", "short", "endless", "no-json", "exits", "cancels", "fails",
        "factory", "nothing",
    ):
        yield TracerSpec(name=name, factory="neighbor_tracers:" + name.replace("-", "_"))
    yield TracerSpec(name="ghost", factory="neighbor_tracers:not_there")

@hookimpl
def pgqueuer_register_services():
    for name in ("good", "start", "exits", "middle", "group", "end", "hangs"):
        yield ServiceSpec(name=name, factory="neighbor_services:" + name)

@hookimpl
def pgqueuer_register_executors():
    yield ExecutorSpec(name="refuses", factory="neighbor_executors:refuses")
    yield ExecutorSpec(name="breaks", factory="neighbor_executors:Breaks")

@hookimpl
def pgqueuer_register_commands():
    for name in ("greet", "typed", "raises", "no-command"):
        yield CommandSpec(name=name, factory="neighbor_commands:" + name.replace("-", "_"))
"""

TRACERS = """
import asyncio
import time
from contextlib import asynccontextmanager

class quiet:
    def trace_publish(self, entrypoints):
        for entrypoint in entrypoints:
            yield {"quiet": entrypoint}

    @asynccontextmanager
    async def trace_process(self, job):
        print("traced", job.headers, flush=True)
        yield

class blocks(quiet):
    def trace_publish(self, entrypoints):
        time.sleep(0.2)
        return super().trace_publish(entrypoints)

    @asynccontextmanager
    async def trace_process(self, job):
        time.sleep(0.2)
        yield
        await asyncio.sleep(0)
        time.sleep(0.2)

class swallows(quiet):
    @asynccontextmanager
    async def trace_process(self, job):
        try:
            yield
        except BaseException:
            pass

class short(quiet):
    def trace_publish(self, entrypoints):
        return iter([])

class endless(quiet):
    def trace_publish(self, entrypoints):
        while True:
            yield {}

class no_json(quiet):
    def trace_publish(self, entrypoints):
        for _ in entrypoints:
            yield {"x": object()}

class exits(quiet):
    def trace_publish(self, entrypoints):
        raise SystemExit(3)

    def trace_process(self, job):
        raise SystemExit(3)

class cancels(quiet):
    @asynccontextmanager
    async def trace_process(self, job):
        raise asyncio.CancelledError
        yield

class Odd(BaseException):
    pass

class fails(quiet):
    @asynccontextmanager
    async def trace_process(self, job):
        yield
        raise Odd("on the way out")

def factory():
    raise RuntimeError("no agent")

def nothing():
    return None
"""

SERVICES = """
import asyncio
from contextlib import asynccontextmanager

@asynccontextmanager
async def good(context):
    print("service begins", flush=True)
    yield
    print("service ends", flush=True)

@asynccontextmanager
async def start(context):
    raise RuntimeError("can not start")
    yield

@asynccontextmanager
async def exits(context):
    raise SystemExit(4)
    yield

async def soon():
    raise RuntimeError("in the middle")

@asynccontextmanager
async def middle(context):
    task = asyncio.create_task(soon())
    yield

@asynccontextmanager
async def group(context):
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(soon())
        yield

@asynccontextmanager
async def end(context):
    yield
    raise RuntimeError("can not end")

@asynccontextmanager
async def hangs(context):
    yield
    await asyncio.Event().wait()
"""

EXECUTORS = """
from pgqueuer.executors import AbstractEntrypointExecutor

def refuses(parameters):
    raise RuntimeError("no pool")

class Breaks(AbstractEntrypointExecutor):
    async def execute(self, job, context):
        raise RuntimeError("the pool is gone")
"""

COMMANDS = """
import click
import typer

@click.command()
@click.option("--name", default="nobody")
def _greet(name):
    click.echo(f"hello {name}")

def greet():
    return _greet

def typed():
    app = typer.Typer()

    @app.command()
    def main(name: str, loud: bool = False):
        print(f"typed {name} {loud}")

    return app

def raises():
    @click.command()
    def command():
        raise RuntimeError("the command broke")
    return command

def no_command():
    return 3
"""

THIEF = """
from pgqueuer.plugins import CommandSpec, hookimpl

@hookimpl
def pgqueuer_register_commands():
    yield CommandSpec(name="run", factory="thief_plugin:run")
"""

SLOW = """
import time
from pgqueuer.plugins import TracerSpec, hookimpl

time.sleep(2.1)

@hookimpl
def pgqueuer_register_tracers():
    yield TracerSpec(name="slow", factory="nowhere:x")
"""

ODD_IMPORT = "class Odd(BaseException): pass\nraise Odd('on import')"
ENDLESS_IMPORT = "def again(): again()\nagain()"

NEIGHBOR = Distribution(
    name="bad-neighbor",
    version="6.7",
    entry_points={"neighbor": "neighbor_plugin"},
    modules={
        "neighbor_plugin": PLUGIN,
        "neighbor_tracers": TRACERS,
        "neighbor_services": SERVICES,
        "neighbor_executors": EXECUTORS,
        "neighbor_commands": COMMANDS,
    },
)
OTHERS = [
    Distribution(
        name=f"bad-{name}",
        version="0.1",
        entry_points={name: f"{name}_plugin"},
        modules={f"{name}_plugin": source},
    )
    for name, source in {
        "thief": THIEF,
        "slow": SLOW,
        "odd": ODD_IMPORT,
        "endless": ENDLESS_IMPORT,
    }.items()
]
NAMED = "of plugin neighbor (bad-neighbor 6.7)"

WORKER = """
from contextlib import asynccontextmanager

import pgqueuer

EXECUTOR = None


@asynccontextmanager
async def main(arguments=()):
    async with pgqueuer.connect() as driver:
        pgq = pgqueuer.PgQueuer(driver)

        @pgq.entrypoint("fail")
        async def fail(job):
            raise ValueError("the handler's own")

        @pgq.entrypoint("mail", executor=next(iter(arguments), None))
        async def mail(job):
            print("mailed", job.payload.decode(), sorted(job.headers or {}), flush=True)

        yield pgq
"""


@pytest.fixture(scope="module")
def neighbors(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    place = pip_install([NEIGHBOR, *OTHERS], tmp_path_factory.mktemp("neighbors"))
    (place.folder / "worker.py").write_text(WORKER)
    return place


class Place:
    """The environment with a database."""

    def __init__(self, environment: Environment, dsn: str) -> None:
        self.folder = environment.folder
        self.dsn = dsn

    def pgq(self, *arguments: str, **variables: str) -> Outcome:
        # All but the slow one, which has a test of its own.
        denied = {"PGQUEUER_DISABLE_PLUGINS": "slow"}
        return pgq(
            *arguments,
            dsn=self.dsn,
            env={"PYTHONPATH": str(self.folder), **denied, **variables},
            cwd=self.folder,
        )

    def drain(self, *arguments: str, **variables: str) -> str:
        """Run the worker on three jobs until the queue is empty; all of them have to be done."""
        for number in range(JOBS):
            queued = self.pgq("queue", "mail", str(number), **variables)
            assert queued.code == 0, queued.stderr
        ran = self.pgq("run", "--mode", "drain", *arguments, "worker:main", **variables)
        assert ran.code == 0, ran.stderr
        mailed = sorted(line for line in ran.stdout.splitlines() if line.startswith("mailed"))
        assert [line.split()[1] for line in mailed] == ["0", "1", "2"]
        return queued.stderr + queued.stdout + ran.stderr + ran.stdout


@pytest.fixture
def place(neighbors: Environment, queue_dsn: str) -> Place:
    return Place(neighbors, queue_dsn)


def test_faults_of_tracers_are_named_and_jobs_go_on(place: Place) -> None:
    names = ("fails", "cancels", "exits", "swallows", "factory", "nothing", "quiet")
    arguments = [part for name in names for part in ("--tracer", name)]
    said = place.drain(*arguments)
    for name, where in (("fails", "exit"), ("cancels", "entry"), ("exits", "entry")):
        assert said.count(f"Tracer {name!r} {NAMED} failed on {where}") == 1
    for name in ("factory", "nothing"):
        assert f"The tracer {name!r} {NAMED} can not be made" in said
    assert "Odd: on the way out" in said
    assert said.count("traced") == JOBS
    [line] = [line for line in said.splitlines() if "Plugins: " in line]
    used = line.partition("Plugins: ")[2].split(", ")
    assert used[0] == "neighbor (bad-neighbor 6.7)"
    assert [one.partition(" ")[0] for one in used] == ["neighbor", "asyncpg"]


def test_one_tracer_alone_that_blocks_is_named_with_the_seconds(place: Place) -> None:
    said = place.drain("--tracer", "blocks")
    for where in ("entry", "exit"):
        [line] = [line for line in said.splitlines() if f"seconds on {where}" in line]
        assert f"Tracer 'blocks' {NAMED} blocked for 0." in line


def test_headers_that_can_not_be_kept_are_left_out_and_those_of_others_kept(place: Place) -> None:
    said = place.drain(PGQUEUER_TRACERS="no-json,short,quiet,endless,exits")
    for name in ("no-json", "short", "endless", "exits"):
        assert f"Tracer {name!r} {NAMED} failed on publish" in said
    assert said.count("['quiet']") == JOBS


def test_a_tracer_that_swallows_does_not_hide_the_failure_of_a_handler(place: Place) -> None:
    assert place.pgq("queue", "fail").code == 0
    said = place.drain("--tracer", "swallows")
    assert "of entrypoint fail failed: ValueError" in said


def test_faults_of_services_are_named_and_the_worker_goes_on(place: Place) -> None:
    names = ("start", "exits", "middle", "group", "end", "good")
    arguments = [part for name in names for part in ("--service", name)]
    said = place.drain(*arguments)
    for name in ("start", "exits"):
        assert f"The service {name!r} {NAMED} did not start" in said
    assert f"A task of the service 'middle' {NAMED} failed" in said
    assert f"The service 'group' {NAMED} failed; the worker goes on" in said
    assert f"The service 'end' {NAMED} did not end well" in said
    assert said.index("service begins") < said.index("mailed") < said.index("service ends")


def test_a_service_that_hangs_at_the_end_is_named_and_waited_for_no_longer(place: Place) -> None:
    said = place.drain("--service", "hangs", "--service", "good")
    assert f"The service 'hangs' {NAMED} did not end within 10 seconds" in said
    assert "service ends" in said


def test_a_name_whose_factory_is_not_there_is_told_at_the_start(place: Place) -> None:
    ran = place.pgq("run", "--tracer", "ghost", "worker:main")
    assert ran.code == 1
    assert f"The tracer 'ghost' {NAMED} refers to" in ran.stderr


def test_an_executor_whose_factory_raises_is_told_at_the_start(place: Place) -> None:
    ran = place.pgq("run", "worker:main", "refuses")
    assert ran.code == 1
    assert "RuntimeError: no pool" in ran.stderr
    assert f"Raised by the factory of the executor 'refuses' {NAMED}" in ran.stderr


def test_a_job_that_fails_in_the_executor_of_a_plugin_names_it(place: Place) -> None:
    assert place.pgq("queue", "mail", "x").code == 0
    ran = place.pgq("run", "--mode", "drain", "worker:main", "breaks")
    assert ran.code == 0
    said = ran.stdout + ran.stderr
    assert f"of entrypoint mail, run by the executor 'breaks' {NAMED}, failed: Runt" in said


def test_commands_are_mounted_and_their_faults_named(place: Place) -> None:
    assert place.pgq("greet", "--name", "Ann").stdout == "hello Ann\n"
    assert "--name" in place.pgq("greet", "--help").stdout
    typed = place.pgq("typed", "Bob", "--loud")
    assert (typed.code, typed.stdout) == (0, "typed Bob True\n")
    assert "--loud" in place.pgq("typed", "--help").stdout
    assert place.pgq("typed", "--nonsense").code == 2
    broken = place.pgq("raises")
    assert broken.code == 1
    assert f"the command broke. Raised by the command 'raises' {NAMED}" in broken.stderr
    wrong = place.pgq("no-command")
    assert wrong.code == 1
    assert f"The command 'no-command' {NAMED} can not be made" in wrong.stderr


def test_the_list_of_built_in_commands_is_complete() -> None:
    assert set(BUILT_IN) == BUILT_IN_COMMANDS


def test_a_command_can_not_take_a_built_in_name(place: Place) -> None:
    listed = place.pgq("plugins", "list").stdout
    [line] = [line for line in listed.splitlines() if "thief" in line]
    assert "conflict" in line
    assert "the command 'run' is built in" in line
    assert "FACTORY" in place.pgq("run", "--help").stdout


def test_plugins_that_raise_what_is_no_exception_or_recurse_are_named(place: Place) -> None:
    listed = place.pgq("plugins", "list").stdout
    [odd] = [line for line in listed.splitlines() if "bad-odd" in line]
    assert "broken" in odd
    assert "Odd: on import" in odd
    [endless] = [line for line in listed.splitlines() if "bad-endless" in line]
    assert "RecursionError" in endless


def test_a_plugin_that_is_slow_to_import_is_named(place: Place) -> None:
    listed = place.pgq("plugins", "list", PGQUEUER_DISABLE_PLUGINS="")
    [line] = [line for line in listed.stderr.splitlines() if "seconds to load" in line]
    assert "Plugin slow (bad-slow 0.1) took 2." in line


def test_check_holds_services_commands_and_executors_against_their_contracts(place: Place) -> None:
    checked = place.pgq("plugins", "check", "neighbor")
    assert checked.code == 1
    verdicts = {
        line.partition(f" {NAMED}")[0].split(maxsplit=1)[1].removeprefix("The "): line.split()[0]
        for line in checked.stdout.splitlines()
        if NAMED in line
    }
    assert verdicts["service 'good'"] == verdicts["command 'greet'"] == "ok"
    assert verdicts["command 'typed'"] == verdicts["executor 'breaks'"] == "ok"
    for name in ("tracer 'ghost'", "tracer 'factory'", "tracer 'nothing'", "command 'no-command'"):
        assert verdicts[name] == "fault"


def test_all_of_them_are_installed_and_none_is_named(place: Place) -> None:
    said = place.drain()
    assert NAMED not in said
    assert "Plugins: asyncpg (pgqueuer " in said


def test_without_plugins_none_of_them_is_imported(place: Place) -> None:
    listed = place.pgq("--no-plugins", "plugins", "list")
    assert listed.code == 0
    assert listed.stderr == ""
    for line in listed.stdout.splitlines():
        assert "bad-" not in line or "disabled" in line
    unknown = place.pgq("--no-plugins", "greet")
    assert unknown.code == 2


@pytest.mark.parametrize(
    "arguments", [None, ["--help"], ["--version"], ["sql", "install"]], ids=str
)
def test_a_light_command_loads_no_plugin_and_no_driver(
    neighbors: Environment, arguments: list[str] | None
) -> None:
    source = (
        "import sys, contextlib, io\n"
        "import pgqueuer\n"
        f"arguments = {arguments!r}\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        "    if arguments:\n"
        "        from pgqueuer.adapters.cli.cli import app\n"
        "        app(arguments)\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", source],
        env=environment(
            None, {"PYTHONPATH": str(neighbors.folder), "PYDANTIC_DISABLE_PLUGINS": "__all__"}
        ),
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stdout.split())
    heavy = {"asyncpg", "psycopg", "sentry_sdk", "logfire", "opentelemetry", "pgq_plugins"}
    assert "pgqueuer" in loaded
    assert not loaded & heavy
    assert not [name for name in loaded if name.endswith("_plugin")]


def test_the_help_says_how_to_list_what_plugins_add(place: Place) -> None:
    assert "'pgq plugins list'" in place.pgq("--help").stdout


def test_a_worker_that_is_stopped_ends_its_services(place: Place) -> None:
    env = {"PYTHONPATH": str(place.folder), "PGQUEUER_DISABLE_PLUGINS": "slow"}
    arguments = ("run", "--service", "group", "--service", "good", "worker:main")
    with pgq_running(*arguments, dsn=place.dsn, env=env, cwd=Path(place.folder)) as worker:
        worker.wait_for("service begins")
        worker.wait_for("serves fail, mail")
        worker.signal(signal.SIGTERM)
        worker.wait_for("service ends")
        assert worker.wait() == 0
