"""Links lead somewhere, commands exist, and the site builds from nothing but its own files."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from pgqueuer.adapters.cli.cli import app
from tests.support.documents import DOCS, ROOT, anchors, blocks, links, pages, prose

EXTERNAL = ("https://", "http://", "mailto:")
PARTS = re.compile(r"<(?:script|link|img|source|iframe)\b[^>]*?(?:src|href)=[\"']?([^\"'\s>]+)")
STYLES = re.compile(r"url\(\s*[\"']?((?:https?:)?//[^)]+)|@import\s+[\"']((?:https?:)?//[^\"']+)")


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_internal_links_lead_to_a_page_and_to_a_heading(page: Path) -> None:
    for link in links(page):
        if link.startswith(EXTERNAL):
            continue
        target, _, anchor = link.partition("#")
        found = page if not target else (page.parent / target).resolve()
        assert found.exists(), link
        if anchor:
            assert anchor in anchors(found), link


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_in_the_text_exist_with_their_options(page: Path) -> None:
    shell = [line for block in blocks(page, "sh") for line in block.text.splitlines()]
    spans = re.findall(r"`(pgq [^`]+)`", prose(page))
    for line in [*shell, *spans]:
        words = shlex.split(line.replace("…", ""), comments=True)
        if words[:1] == ["pgq"]:
            check_command(words[1:], line)


def check_command(words: list[str], line: str) -> None:
    """Each option belongs to the command that it follows; a word in capitals is a placeholder."""
    command: click.Command = app
    while words and words[0] != "--":
        word = words.pop(0)
        if word.startswith("-"):
            name, separator, _ = word.partition("=")
            takes_value = {"--help": False} | {
                spelling: isinstance(option, click.Option) and not option.is_flag
                for option in command.params
                for spelling in (*option.opts, *option.secondary_opts)
            }
            assert name in takes_value, line
            if takes_value[name] and not separator and words:
                words.pop(0)
        elif isinstance(command, click.Group) and not word.isupper():
            assert word in command.list_commands(click.Context(command)), line
            command = command.get_command(click.Context(command), word) or command


def test_every_page_is_in_the_navigation_or_a_plugin_page() -> None:
    configuration = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for page in DOCS.rglob("*.md"):
        name = str(page.relative_to(DOCS))
        assert name in configuration or name.startswith("plugins/"), name


def test_the_site_builds_strictly_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for page in tmp_path.rglob("*.html"):
        parts = PARTS.findall(page.read_text(encoding="utf-8"))
        assert not [part for part in parts if part.startswith(("http:", "https:", "//"))], page
    for style in tmp_path.rglob("*.css"):
        assert not STYLES.search(style.read_text(encoding="utf-8")), style
