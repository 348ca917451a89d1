from __future__ import annotations

import sys
from importlib.util import find_spec

import pytest

from pgqueuer.domain.settings import ConnectionSettings
from pgqueuer.plugins import NoDriverError, connect, connect_repository
from pgqueuer.plugins import plugin as plugin_module
from pgqueuer.plugins.drivers import choose_driver
from pgqueuer.plugins.registry import PluginRegistry
from tests.support.plugin_site import Site

DRIVERS = """
    from contextlib import asynccontextmanager
    from pgqueuer.plugins import hookimpl, DriverSpec

    log = []

    @asynccontextmanager
    async def open_driver(settings):
        log.append(settings)
        try:
            yield "driver"
        finally:
            log.append("closed")

    @hookimpl
    def pgqueuer_register_drivers():
        yield DriverSpec(
            name="fake", factory=open_driver, repository=lambda driver: ("queries", driver)
        )
"""


@pytest.fixture
def fake(site: Site) -> PluginRegistry:
    site.plugin("fake", DRIVERS)
    return site.load()


@pytest.fixture
def bundled() -> PluginRegistry:
    return PluginRegistry.load({}, bundled_only=True)


@pytest.fixture(autouse=True)
def _no_named_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGQUEUER_DRIVER", raising=False)


def without(monkeypatch: pytest.MonkeyPatch, *absent: str) -> None:
    monkeypatch.setattr(
        plugin_module, "find_spec", lambda name: None if name in absent else find_spec(name)
    )


async def test_connect_opens_the_named_driver_and_closes_it(fake: PluginRegistry) -> None:
    settings = ConnectionSettings(dsn="postgresql://x")
    log = sys.modules["site_fake"].log
    async with connect("fake", settings, registry=fake) as driver:
        assert driver == "driver"  # type: ignore[comparison-overlap]
        assert log == [settings]
    assert log == [settings, "closed"]


async def test_connect_reads_name_and_settings_from_the_environment(
    fake: PluginRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGQUEUER_DRIVER", "fake")
    monkeypatch.setenv("PGQUEUER_DSN", "postgresql://from-environment")
    async with connect(registry=fake):
        assert sys.modules["site_fake"].log[0].dsn == "postgresql://from-environment"


async def test_connect_closes_the_driver_when_the_body_raises(fake: PluginRegistry) -> None:
    with pytest.raises(ValueError, match="body"):
        async with connect("fake", registry=fake):
            raise ValueError("body")
    assert sys.modules["site_fake"].log[-1] == "closed"


async def test_the_repository_of_the_driver_is_used(fake: PluginRegistry) -> None:
    async with connect_repository("fake", registry=fake) as queries:
        assert queries == ("queries", "driver")  # type: ignore[comparison-overlap]


def test_the_argument_wins_over_the_environment(
    bundled: PluginRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGQUEUER_DRIVER", "psycopg")
    assert choose_driver("memory", bundled).spec.name == "memory"
    assert choose_driver(registry=bundled).spec.name == "psycopg"


def test_asyncpg_is_the_implicit_driver(bundled: PluginRegistry) -> None:
    assert choose_driver(registry=bundled).spec.name == "asyncpg"


def test_psycopg_is_the_implicit_driver_without_asyncpg(
    bundled: PluginRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "asyncpg")
    assert choose_driver(registry=bundled).spec.name == "psycopg"


def test_without_either_the_error_says_what_to_install(
    bundled: PluginRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "asyncpg", "psycopg")
    expected = r"pip install 'pgqueuer\[asyncpg\]' or pip install 'pgqueuer\[psycopg\]'"
    with pytest.raises(NoDriverError, match=expected):
        choose_driver(registry=bundled)


def test_an_installed_driver_of_a_stranger_is_never_implicit(fake: PluginRegistry) -> None:
    with pytest.raises(NoDriverError, match="PGQUEUER_DRIVER"):
        choose_driver(registry=fake)


def test_a_disabled_bundled_driver_is_not_implicit() -> None:
    registry = PluginRegistry.load({"PGQUEUER_DISABLE_PLUGINS": "asyncpg"}, bundled_only=True)
    assert choose_driver(registry=registry).spec.name == "psycopg"
