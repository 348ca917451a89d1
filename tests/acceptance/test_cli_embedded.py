"""`pgq --embedded`: a server for the command, and none where it is not wanted."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from pgqueuer.adapters import embedded
from pgqueuer.adapters.embedded import guardian
from tests.support.cli import pgq


@pytest.fixture
def own_server() -> Iterator[Mapping[str, str]]:
    """The environment of a server in a new folder, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="pgq-"))
    folder.chmod(0o755)
    names = {"PGQUEUER_EMBEDDED_DIR": str(folder)}
    if chosen := os.environ.get("PGQUEUER_TEST_PG_BINDIR"):
        names["PGQUEUER_EMBEDDED_BINDIR"] = chosen
    yield names
    for cluster in embedded.status(folder):
        embedded.stop(folder)
        guardian.wait_for_end(str(cluster.folder))
    shutil.rmtree(folder)


def data(names: Mapping[str, str]) -> list[Path]:
    return list(Path(names["PGQUEUER_EMBEDDED_DIR"]).iterdir())


def test_one_command_installs_and_the_next_finds_it(own_server):
    installed = pgq("--embedded", "install", env=own_server, dsn="postgresql:///x?host=/nowhere")
    assert installed.code == 0, installed
    environment = {**own_server, "PGQUEUER_EMBEDDED": "1"}
    assert pgq("verify", "--expect", "present", env=environment).code == 0


def test_commands_that_connect_to_nothing_start_no_server(own_server):
    environment = {**own_server, "PGQUEUER_EMBEDDED": "1"}
    for command in (["sql", "install"], ["plugins", "list"], ["embedded", "status"]):
        assert pgq(*command, env=environment).code == 0
    assert data(own_server) == []


def test_a_dsn_on_the_command_line_beats_the_variable(own_server, queue_dsn):
    environment = {**own_server, "PGQUEUER_EMBEDDED": "1"}
    outcome = pgq("--pg-dsn", queue_dsn, "verify", "--expect", "present", env=environment)
    assert outcome.code == 0, outcome
    assert data(own_server) == []
