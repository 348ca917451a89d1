"""What `pgq plugins new` writes can be installed, passes its own tests, and is well typed."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pgqueuer.adapters.cli.cli import app
from pgqueuer.adapters.cli.new_plugin.writing import KINDS
from tests.support.documents import DOCS, ROOT, blocks
from tests.support.postgres import TestPostgres

PIP = ("--no-deps", "--no-index", "--no-build-isolation", "--no-cache-dir", "--quiet")


def new(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["plugins", "new", *map(str, arguments)])


class Written:
    """A distribution of each kind, installed in an environment beside what is installed here."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / "venv" / "bin" / "python"

    def root(self, kind: str) -> Path:
        return self.folder / f"pgqueuer-my-{kind}"

    def run(self, *command: str | Path, cwd: Path, **variables: str) -> str:
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PGQUEUER_", "PYTEST_"))
        }
        done = subprocess.run(
            [self.python, "-m", *command],
            cwd=cwd,
            env={**inherited, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=170,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    written = Written(tmp_path_factory.mktemp("written"))
    for kind in KINDS:
        result = new(f"my-{kind}", "--kind", kind, "--directory", written.folder)
        assert result.exit_code == 0, result.output
        assert result.output.startswith(f"Wrote {written.root(kind)}. ")
    venv.create(written.folder / "venv", with_pip=False, symlinks=True)
    (site,) = (written.folder / "venv" / "lib").glob("python3*/site-packages")
    here = sysconfig.get_path("purelib")
    (site / "here.pth").write_text(f"import site; site.addsitedir({here!r})\n")
    roots = [argument for kind in KINDS for argument in ("-e", written.root(kind))]
    written.run("pip", "install", *PIP, *roots, cwd=written.folder)
    return written


@pytest.mark.parametrize("kind", KINDS)
def test_the_tests_of_a_new_plugin_pass(written: Written, kind: str, pg: TestPostgres) -> None:
    output = written.run(
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        cwd=written.root(kind),
        PGQUEUER_TEST_DSN=pg.admin_dsn,
    )
    assert " passed" in output
    assert "failed" not in output


def test_pgq_finds_no_fault_with_them(written: Written) -> None:
    output = written.run("pgqueuer", "plugins", "check", cwd=written.folder)
    assert all(f"my-{kind}" in output for kind in KINDS)
    assert not [line for line in output.splitlines() if line.startswith("fault")]


def test_they_are_typed(written: Written) -> None:
    sources = [written.root(kind) / part for kind in KINDS for part in ("src", "tests")]
    options = ["--strict", "--exclude", "conftest", "--cache-dir", written.folder / "mypy"]
    # What is ours is found as a source tree, and has settings of its own.
    options.append("--follow-imports=silent")
    written.run("mypy", *options, *sources, cwd=written.folder, MYPYPATH=str(ROOT / "src"))


def test_a_linter_finds_nothing_in_them(written: Written) -> None:
    roots = [written.root(kind) for kind in KINDS]
    options = ("--isolated", "--select", "F,W,UP,B,C4,RET,SIM")
    written.run("ruff", "check", *options, *roots, cwd=written.folder)


def test_the_tutorial_shows_what_is_written(tmp_path: Path) -> None:
    assert new("acme", "--kind", "tracer", "--directory", tmp_path).exit_code == 0
    texts = [path.read_text() for path in (tmp_path / "pgqueuer-acme").rglob("*") if path.is_file()]
    shown = blocks(DOCS / "plugins" / "tutorial.md", "python", "toml")
    assert shown
    for block in shown:
        assert any(block.text in text for text in texts), str(block)


@pytest.mark.parametrize("name", ["Acme", "a b", "../acme", "1st", "", "a--b", "pgqueuer-", "ä"])
def test_a_bad_name_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    result = new(name, "--kind", "tracer", "--directory", tmp_path)
    assert result.exit_code == 2
    assert len(result.output.splitlines()) == 1
    assert "can not be the name of a plugin" in result.output
    assert not any(tmp_path.iterdir())


def test_a_folder_that_exists_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "pgqueuer-acme").mkdir()
    result = new("pgqueuer-acme", "--kind", "command", "--directory", tmp_path)
    assert result.exit_code == 1
    assert len(result.output.splitlines()) == 1
    assert "is there already" in result.output
    assert not any((tmp_path / "pgqueuer-acme").iterdir())


def test_fixtures_without_a_named_server_start_one(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nasyncio_mode = strict\nasyncio_default_fixture_loop_scope = function\n"
    )
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["pgqueuer.testing.fixtures"]\n')
    page = "\n\n".join(block.text for block in blocks(DOCS / "plugins" / "testing.md", "python"))
    examples = page[page.index("# test_handlers.py") :]
    (tmp_path / "test_handlers.py").write_text(examples)
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PG", "PYTEST_"))
    }
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_handlers.py"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
