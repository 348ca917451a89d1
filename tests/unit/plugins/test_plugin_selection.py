"""Which plugins are imported at all."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest

from pgqueuer.plugins import BrokenPluginError
from pgqueuer.plugins.discovery import discover, installed_entry_points
from pgqueuer.plugins.registry import PluginRegistry
from tests.support.plugin_site import Site

TRACER = """
    from pgqueuer.plugins import hookimpl, TracerSpec

    @hookimpl
    def pgqueuer_register_tracers():
        return [TracerSpec(name=__name__.removeprefix("site_"), factory="math:floor")]
"""


def statuses(registry: PluginRegistry) -> dict[str, str]:
    return {plugin.name: plugin.status for plugin in registry.plugins}


@pytest.fixture
def three(site: Site) -> Site:
    site.module("bundled", TRACER)
    site.distribution("PgQueuer", "9.9", {"ours": "bundled"})
    site.plugin("one", TRACER)
    site.plugin("two", TRACER)
    return site


def test_all_are_used_unless_the_user_says_otherwise(three: Site) -> None:
    assert statuses(three.load()) == {"ours": "active", "one": "active", "two": "active"}


def test_the_allow_list_keeps_bundled_plugins_and_those_it_names(three: Site) -> None:
    registry = three.load(PGQUEUER_PLUGINS=" two ,")
    assert statuses(registry) == {"ours": "active", "one": "disabled", "two": "active"}


def test_an_empty_allow_list_means_bundled_only(three: Site) -> None:
    registry = three.load(PGQUEUER_PLUGINS="")
    assert statuses(registry) == {"ours": "active", "one": "disabled", "two": "disabled"}


def test_bundled_only_can_be_asked_for(three: Site) -> None:
    registry = three.load(bundled_only=True, PGQUEUER_PLUGINS="one")
    assert statuses(registry) == {"ours": "active", "one": "disabled", "two": "disabled"}


def test_the_deny_list_wins_and_holds_for_bundled_plugins_too(three: Site) -> None:
    registry = three.load(PGQUEUER_PLUGINS="one,two", PGQUEUER_DISABLE_PLUGINS="two,ours")
    assert statuses(registry) == {"ours": "disabled", "one": "active", "two": "disabled"}


def test_a_disabled_plugin_is_not_imported_and_says_why(three: Site) -> None:
    registry = three.load(PGQUEUER_DISABLE_PLUGINS="one")
    assert "site_one" not in sys.modules
    assert "site_two" in sys.modules
    [one] = [plugin for plugin in registry.plugins if plugin.name == "one"]
    assert (one.specs, one.error) == ((), "named in PGQUEUER_DISABLE_PLUGINS")


def test_an_allowed_name_that_is_not_installed_is_reported(
    three: Site, caplog: pytest.LogCaptureFixture
) -> None:
    three.load(PGQUEUER_PLUGINS="one,tow")
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "PGQUEUER_PLUGINS names 'tow'" in caplog.text


def test_strict_mode_raises_for_an_allowed_name_that_is_not_installed(three: Site) -> None:
    with pytest.raises(BrokenPluginError, match="names 'tow'"):
        three.load(PGQUEUER_PLUGINS="tow", PGQUEUER_STRICT_PLUGINS="1")


def test_a_stranger_with_the_entry_point_name_of_a_bundled_plugin_is_not_imported(
    three: Site, caplog: pytest.LogCaptureFixture
) -> None:
    three.module("site_intruder", "raise SystemExit('imported')")
    three.distribution("intruder", "6.6", {"ours": "site_intruder"})
    registry = three.load()
    assert "site_intruder" not in sys.modules
    assert "ours (intruder 6.6) can not be used: its name belongs to a bundled" in caplog.text
    assert registry.tracer("bundled").plugin.distribution == "PgQueuer"


def test_candidates_are_bundled_first_then_by_distribution(three: Site) -> None:
    found = [one.distribution for one in discover(reversed(three.entry_points()))]
    assert found == ["PgQueuer", "one", "two"]


def test_our_own_distribution_declares_the_bundled_plugins() -> None:
    bundled = {one.name for one in discover() if one.bundled}
    assert bundled >= {"asyncpg", "psycopg", "memory", "executors"}


def test_an_unreadable_distribution_hides_no_other(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    site.plugin("fine", TRACER)
    broken = site.folder / "broken-0.1.dist-info"
    broken.mkdir()
    (broken / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 0.1\n")
    (broken / "entry_points.txt").write_text("[console_scripts]\nno value here\n")
    nameless = site.folder / "nameless-0.1.dist-info"
    nameless.mkdir()
    (nameless / "entry_points.txt").write_text("[pgqueuer]\nstray = nowhere\n")
    monkeypatch.setattr(sys, "path", [str(site.folder)])
    found = {one.name: one for one in discover(installed_entry_points())}
    assert found.keys() == {"fine", "stray"}
    assert found["stray"].distribution == "unknown"
    assert "entry points of broken 0.1 can not be read" in caplog.text


def test_the_first_of_two_equal_distributions_counts_when_one_is_unreadable(
    site: Site, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def distribution(folder: Path, version: str, text: str) -> str:
        site_of = Site(folder=folder)
        site_of.distribution("twin", version, {})
        (folder / f"twin-{version}.dist-info" / "entry_points.txt").write_text(text)
        return str(folder)

    first = distribution(tmp_path_factory.mktemp("first"), "2.0", "[x]\nno value here\n")
    second = distribution(tmp_path_factory.mktemp("second"), "1.0", "[pgqueuer]\ntwin = a\n")
    monkeypatch.setattr(sys, "path", [first, second])
    assert installed_entry_points() == []
