"""Distributions that pip installed, good and bad together, seen by real processes."""

from __future__ import annotations

import json
from textwrap import dedent

import pytest

from tests.support.distributions import Distribution, Environment, pip_install

IMPORTS = "from pgqueuer.plugins import hookimpl, DriverSpec, ExecutorSpec, TracerSpec\n"


def tracer(name: str, factory: str = "acme_tracing:AcmeTracing", **arguments: object) -> str:
    extra = "".join(f", {key}={value!r}" for key, value in arguments.items())
    return IMPORTS + (
        "@hookimpl\ndef pgqueuer_register_tracers():\n"
        f"    yield TracerSpec(name={name!r}, factory={factory!r}{extra})\n"
    )


def simple(name: str, version: str, source: str, *, target: str = "") -> Distribution:
    """A distribution with one module and one entry point, named like it."""
    module = name.replace("-", "_")
    return Distribution(
        name=name,
        version=version,
        entry_points={name: f"{module}{target}"},
        modules={module: source},
    )


GOOD = Distribution(
    name="acme-tracing",
    version="2.3",
    entry_points={"acme": "acme_plugin"},
    modules={
        "acme_plugin": tracer("acme"),
        "acme_tracing": """
            from contextlib import asynccontextmanager

            class AcmeTracing:
                def trace_publish(self, entrypoints):
                    for entrypoint in entrypoints:
                        yield {"acme": entrypoint}

                @asynccontextmanager
                async def trace_process(self, job):
                    yield
        """,
    },
)

BROKEN = {
    "bad-import": (simple("bad-import", "0.1", "1 / 0"), "ZeroDivisionError: division by zero"),
    "bad-exit": (simple("bad-exit", "0.2", "import sys; sys.exit(0)"), "raised SystemExit: 0"),
    "bad-spelling": (
        simple(
            "bad-spelling",
            "0.3",
            IMPORTS + "@hookimpl\ndef pgqueuer_register_tracer(): return []\n",
        ),
        "did you mean pgqueuer_register_tracers?",
    ),
    "bad-coroutine": (
        simple(
            "bad-coroutine",
            "0.4",
            IMPORTS + "@hookimpl\nasync def pgqueuer_register_tracers(): return []\n",
        ),
        "pgqueuer_register_tracers is asynchronous",
    ),
    "bad-class": (
        simple(
            "bad-class",
            "0.5",
            IMPORTS
            + "class P:\n    @hookimpl\n    def pgqueuer_register_tracers(self): return []\n",
            target=":P",
        ),
        "'bad_class:P' is a class",
    ),
    "bad-value": (
        simple(
            "bad-value",
            "0.6",
            IMPORTS + "@hookimpl\ndef pgqueuer_register_tracers(): return [{'name': 'x'}]\n",
        ),
        "offers {'name': 'x'}, which is no TracerSpec",
    ),
    "bad-thief": (
        simple(
            "bad-thief",
            "0.7",
            IMPORTS + "@hookimpl\ndef pgqueuer_register_drivers():\n"
            "    yield DriverSpec(name='asyncpg', factory='bad_thief:x')\n",
        ),
        "the driver name 'asyncpg' belongs to a bundled plugin",
    ),
    "asyncpg": (
        Distribution(
            name="bad-namesake",
            version="0.8",
            entry_points={"asyncpg": "bad_namesake"},
            modules={"bad_namesake": "raise SystemExit('must not be imported')"},
        ),
        "its name belongs to a bundled plugin",
    ),
    "bad-module": (
        Distribution(name="bad-module", version="0.9", entry_points={"bad-module": "nowhere_at"}),
        "importing 'nowhere_at' raised ModuleNotFoundError",
    ),
}

SHARED_CAPABILITY = [
    simple("twin-left", "1.1", tracer("twin")),
    simple("twin-right", "1.2", tracer("twin")),
]

SHARED_ENTRY_POINT = [
    Distribution(
        name=f"same-{side}",
        version=version,
        entry_points={"same": f"same_{side}"},
        modules={f"same_{side}": tracer(f"same-{side}")},
    )
    for side, version in (("left", "3.1"), ("right", "3.2"))
]

GHOST = simple("ghost", "5.5", tracer("ghost", "acme_tracing:NoSuchThing"))
NEEDY = simple(
    "needy", "5.6", tracer("needy", requires=("no_such_agent",), install="pip install agent")
)


@pytest.fixture(scope="session")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Everything at once: one good plugin among all the others."""
    broken = [distribution for distribution, _ in BROKEN.values()]
    others = [*SHARED_CAPABILITY, *SHARED_ENTRY_POINT, GHOST, NEEDY]
    return pip_install([GOOD, *broken, *others], tmp_path_factory.mktemp("crowd"))


def pgq_plugins(
    environment: Environment, *arguments: str, **variables: str
) -> tuple[str, str, int]:
    command = "from pgqueuer.adapters.cli.plugins_cmd import plugins; plugins()"
    done = environment.run("-c", command, *arguments, **variables)
    return done.stdout, done.stderr, done.returncode


@pytest.fixture(scope="session")
def listing(crowd: Environment) -> tuple[list[dict[str, object]], str]:
    """What `list --json` of one process prints, and what it warns of."""
    stdout, stderr, status = pgq_plugins(crowd, "list", "--json")
    assert status == 0, stderr
    rows: list[dict[str, object]] = json.loads(stdout)
    return rows, stderr


def row(rows: list[dict[str, object]], distribution: str) -> dict[str, object]:
    [found] = [one for one in rows if one["distribution"] == distribution]
    return found


def script(environment: Environment, source: str, **variables: str) -> str:
    """What a program of a user prints; it has to end well."""
    done = environment.run("-c", dedent(source), **variables)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_plugin_is_named_with_distribution_version_and_reason(
    listing: tuple[list[dict[str, object]], str], name: str
) -> None:
    rows, warnings = listing
    distribution, reason = BROKEN[name]
    found = row(rows, distribution.name)
    assert (found["plugin"], found["version"]) == (name, distribution.version)
    assert (found["status"], found["provides"]) == ("broken", [])
    assert reason in str(found["error"])
    [warning] = [
        line
        for line in warnings.splitlines()
        if f"Plugin {name} ({distribution.name} {distribution.version})" in line
    ]
    assert reason in warning


def test_only_broken_plugins_are_warned_of(
    listing: tuple[list[dict[str, object]], str],
) -> None:
    assert len(listing[1].splitlines()) == len(BROKEN)


def test_the_good_plugin_and_the_bundled_ones_work_among_bad_ones(
    listing: tuple[list[dict[str, object]], str],
) -> None:
    rows, _ = listing
    assert row(rows, "acme-tracing") == {
        "plugin": "acme",
        "distribution": "acme-tracing",
        "version": "2.3",
        "status": "active",
        "provides": ["tracer:acme"],
        "error": None,
    }
    bundled = {one["plugin"]: one["status"] for one in rows if one["distribution"] == "pgqueuer"}
    assert (
        bundled.items()
        >= dict.fromkeys(["asyncpg", "psycopg", "memory", "executors"], "active").items()
    )


def test_two_distributions_with_one_capability_name_are_in_conflict(
    listing: tuple[list[dict[str, object]], str],
) -> None:
    rows, _ = listing
    for name in ("twin-left", "twin-right"):
        found = row(rows, name)
        assert found["status"] == "conflict"
        assert "twin-left (twin-left 1.1), twin-right (twin-right 1.2)" in str(found["error"])


def test_two_distributions_with_one_entry_point_name_both_work(
    listing: tuple[list[dict[str, object]], str],
) -> None:
    same = [one for one in listing[0] if one["plugin"] == "same"]
    assert [(one["distribution"], one["version"], one["status"]) for one in same] == [
        ("same-left", "3.1", "active"),
        ("same-right", "3.2", "active"),
    ]


def test_a_program_of_a_user_gets_the_good_tracer_and_reasons_for_the_rest(
    crowd: Environment,
) -> None:
    said = script(
        crowd,
        """
        from pgqueuer.plugins import installed_plugins
        registry = installed_plugins()
        print(list(registry.tracer("acme").load()().trace_publish(["fetch"])))
        print(registry.driver("asyncpg").plugin)
        for ask in ("twin", "needy", "bad-value"):
            try:
                registry.tracer(ask)
            except (LookupError, ImportError) as error:
                print(type(error).__name__, error)
        try:
            registry.tracer("ghost").load()
        except Exception as error:
            print(type(error).__name__, error)
        """,
    ).splitlines()
    assert said[0] == "[{'acme': 'fetch'}]"
    assert said[1].startswith("asyncpg (pgqueuer ")
    assert said[2].startswith("ConflictingNameError The tracer 'twin' is offered by twin-left")
    assert said[3].startswith(
        "MissingRequirementError The tracer 'needy' of plugin needy (needy 5.6"
    )
    assert said[3].endswith("pip install agent")
    assert said[4].startswith(
        "UnknownNameError There is no tracer 'bad-value'. Known: acme, ghost,"
    )
    for distribution, reason in BROKEN.values():
        assert f"({distribution.name} {distribution.version})" in said[4]
        assert reason in said[4]
    assert said[5].startswith("FactoryError The tracer 'ghost' of plugin ghost (ghost 5.5) refers")


def test_check_finds_the_faults_of_all_and_passes_the_good_one(crowd: Environment) -> None:
    stdout, _, status = pgq_plugins(crowd, "check")
    assert status == 1
    verdicts = {
        name: line.split()[0]
        for line in stdout.splitlines()
        for name in ("acme (acme-tracing 2.3)", "ghost (ghost 5.5)", "needy (needy 5.6)", "0.4")
        if name in line
    }
    assert verdicts == {
        "acme (acme-tracing 2.3)": "ok",
        "ghost (ghost 5.5)": "fault",
        "needy (needy 5.6)": "missing",
        "0.4": "fault",
    }
    assert pgq_plugins(crowd, "check", "acme")[2] == 0


def test_strict_mode_ends_with_an_error_that_names_the_faults(crowd: Environment) -> None:
    done = crowd.run(
        "-c",
        "from pgqueuer.plugins import installed_plugins; installed_plugins()",
        PGQUEUER_STRICT_PLUGINS="1",
    )
    assert done.returncode == 1
    for distribution, _ in BROKEN.values():
        assert f"({distribution.name} {distribution.version})" in done.stderr


def test_allowing_one_plugin_leaves_the_others_unimported(crowd: Environment) -> None:
    said = script(
        crowd,
        """
        import sys
        from pgqueuer.plugins import installed_plugins
        print({plugin.distribution: plugin.status for plugin in installed_plugins().plugins})
        print(sorted(name for name in sys.modules if name.startswith(("bad_", "twin_", "acme_"))))
        """,
        PGQUEUER_PLUGINS="acme",
        PGQUEUER_STRICT_PLUGINS="1",
    ).splitlines()
    assert "'acme-tracing': 'active'" in said[0]
    assert "'bad-import': 'disabled'" in said[0]
    assert "'pgqueuer': 'active'" in said[0]
    assert said[1] == "['acme_plugin']"


def test_importing_the_library_discovers_nothing(crowd: Environment) -> None:
    said = script(
        crowd,
        """
        import sys
        import pgqueuer, pgqueuer.plugins
        print([name for name in sys.modules if name.startswith(("acme", "bad_", "pgq_plugins"))])
        """,
    )
    assert said == "[]"


def test_the_authors_interface_is_cheap_to_import(crowd: Environment) -> None:
    heavy = {"asyncpg", "psycopg", "pydantic", "click", "asyncio", "importlib.metadata"}
    said = script(crowd, "import sys, pgqueuer.plugins; print(*sys.modules)")
    assert "pgqueuer.plugins" in said.split()
    assert heavy.isdisjoint(said.split())


def test_loading_the_plugins_imports_no_driver(crowd: Environment) -> None:
    said = script(
        crowd,
        """
        import sys
        from pgqueuer.plugins import installed_plugins
        installed_plugins().driver("asyncpg"), installed_plugins().driver("psycopg")
        print(*sys.modules)
        """,
    )
    assert "pgq_plugins.asyncpg" in said.split()
    assert {"asyncpg", "psycopg", "pydantic"}.isdisjoint(said.split())
