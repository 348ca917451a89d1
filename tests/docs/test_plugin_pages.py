"""A page for each hook, with a heading for each field, and an example that works when installed."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from pgqueuer.plugins import ServiceContext
from pgqueuer.plugins.hookspecs import HOOKS
from tests.support.cli import Outcome, pgq
from tests.support.distributions import Distribution, pip_install
from tests.support.documents import DOCS, EXAMPLES, ROOT, entries, headings

PLUGINS = EXAMPLES / "plugins"
ENTRY_POINTS = {
    "acme-cloud": "acme_driver",
    "acme-log": "acme_tracer",
    "acme-slow": "acme_executor",
    "acme-workdays": "acme_schedule_executor",
    "acme-left": "acme_command",
    "acme-alive": "acme_service",
}

WORKER = """
import asyncio
from contextlib import asynccontextmanager
from pathlib import Path

import pgqueuer


@asynccontextmanager
async def main():
    async with pgqueuer.connect() as driver:
        pgq = pgqueuer.PgQueuer(driver)

        @pgq.entrypoint("mail", executor="acme-slow", executor_options={"seconds": 0})
        async def mail(job):
            print("alive", Path("alive").exists(), flush=True)

        @pgq.schedule("report", "0 9 * * *", executor="acme-workdays")
        async def report(schedule): ...

        for executor in pgq.sm.registry.values():
            print("due on", executor.get_next().strftime("%A"), flush=True)
        yield pgq
"""


@pytest.mark.parametrize("hook", HOOKS)
def test_each_hook_has_a_page_with_each_field_of_its_spec(hook: str) -> None:
    page = DOCS / "plugins" / f"{hook.removeprefix('pgqueuer_register_').replace('_', '-')}.md"
    spec = HOOKS[hook]
    assert f"`{hook}`" in [text for _, text in headings(page)]
    assert entries(page, f"`{spec.__name__}`") == {one.name for one in dataclasses.fields(spec)}
    assert f"({page.name})" in (DOCS / "plugins" / "index.md").read_text(encoding="utf-8")


def test_each_field_of_the_context_of_services_has_a_heading() -> None:
    fields = {one.name for one in dataclasses.fields(ServiceContext)}
    assert entries(DOCS / "plugins" / "services.md", "`ServiceContext`") == fields


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    modules = {path.stem: path.read_text(encoding="utf-8") for path in PLUGINS.glob("*.py")}
    acme = Distribution(
        name="acme-pgqueuer", version="1.0", entry_points=ENTRY_POINTS, modules=modules
    )
    folder = pip_install([acme], tmp_path_factory.mktemp("acme")).folder
    (folder / "worker.py").write_text(WORKER)
    return folder


def run(site: Path, dsn: str | None, *arguments: str) -> Outcome:
    ran = pgq(*arguments, dsn=dsn, env={"PYTHONPATH": str(site)}, cwd=site)
    assert ran.code == 0, ran.stderr + ran.stdout
    return ran


def test_the_examples_hold_against_the_contracts(site: Path) -> None:
    for name in ENTRY_POINTS:
        run(site, None, "plugins", "check", name)


def test_the_examples_work_together(site: Path, queue_dsn: str) -> None:
    run(site, queue_dsn, "--driver", "acme-cloud", "queue", "mail")
    assert run(site, queue_dsn, "acme-left", "mail").stdout == "1 jobs wait\n"
    assert run(site, queue_dsn, "--driver", "acme-cloud", "acme-left").stdout == "1 jobs wait\n"
    arguments = ("--mode", "drain", "--tracer", "acme-log", "--service", "acme-alive")
    ran = run(site, queue_dsn, "--driver", "acme-cloud", "run", *arguments, "worker:main")
    assert "alive True" in ran.stdout
    assert "mail of process None took 0." in ran.stdout
    assert "of mail took 0." in ran.stderr
    [due] = [line for line in ran.stdout.splitlines() if line.startswith("due on")]
    assert not due.endswith(("Saturday", "Sunday"))
    assert not (site / "alive").exists()
    assert run(site, queue_dsn, "acme-left").stdout == "0 jobs wait\n"


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_type_checkers_accept_the_examples(checker: str) -> None:
    """That they look at them; what they find fails `make type`."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    section = text.partition(f"[tool.{checker}]")[2].partition("\n[")[0]
    assert '"docs/examples/plugins"' in section
