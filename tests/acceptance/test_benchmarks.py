"""The benchmark runs on a database of the user's own and leaves it as it was."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import uuid
from pathlib import Path
from xml.etree import ElementTree

import asyncpg
import pytest

from pgqueuer import AsyncpgDriver, Queries

ROOT = Path(__file__).resolve().parents[2]
TINY = ("--quick", "--jobs", "200", "--backlog", "1000")
SCENARIOS = {
    "throughput": {"drain": "default", "enqueue": "16 at once", "limits": "concurrency_limit=10"},
    "latency": {"latency": "800/s", "pinned": "800/s for 1 s", "waiting": "1 waiter"},
    "surroundings": {"backlog": "deferred", "idle": "0.5 s", "import": "start"},
    "extensions": {"drivers": "drain", "plugins": "drain", "plugin-start": "start"},
}


def benchmark(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`python -m benchmarks` with these arguments."""
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


async def things_in(dsn: str) -> tuple[int, list[str]]:
    """The jobs of the queue that was there before, and the schemas."""
    connection = await asyncpg.connect(dsn)
    try:
        schemas = await connection.fetch(
            "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_t' ORDER BY 1"
        )
        jobs = await connection.fetchval("SELECT count(*) FROM pgqueuer")
        return jobs, [row["nspname"] for row in schemas]
    finally:
        await connection.close()


@pytest.mark.parametrize("group", SCENARIOS)
async def test_scenarios_measure_and_leave_nothing_behind(
    group: str, queue_dsn: str, tmp_path: Path
) -> None:
    connection = await asyncpg.connect(queue_dsn)
    await Queries(AsyncpgDriver(connection)).enqueue("noop", b"precious")
    await connection.close()
    before = await things_in(queue_dsn)
    found, picture = tmp_path / "found.json", tmp_path / "found.svg"
    chosen = [
        word
        for scenario, case in SCENARIOS[group].items()
        for word in ("--scenario", scenario, "--case", case)
    ]

    # What the environment says about a queue must not lead the benchmark there.
    done = benchmark(
        *("--dsn", queue_dsn, *TINY, *chosen, "--json", str(found), "--chart", str(picture)),
        PGQUEUER_QUEUE_TABLE="public.pgqueuer",
        PGDSN=queue_dsn,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert await things_in(queue_dsn) == before
    document = json.loads(found.read_text())
    rows = document["rows"]
    assert {(row["scenario"], row["case"]) for row in rows} == set(SCENARIOS[group].items())
    for row in rows:
        assert row["problems"] == []
        assert all(value >= 0 for values in row["figures"].values() for value in values), row
        assert row["contestant"] in done.stdout
    assert ElementTree.parse(picture).getroot().tag.endswith("svg")
    text = found.read_text()
    assert platform.node() not in text
    assert str(ROOT) not in text
    assert str(Path.home()) not in text


async def test_a_schema_that_exists_is_left_alone(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmarks.place import new_place

    taken = uuid.uuid4()
    monkeypatch.setattr(uuid, "uuid4", lambda: taken)
    name = f"pgqueuer_bench_{taken.hex[:8]}"
    connection = await asyncpg.connect(dsn)
    await connection.execute(f"CREATE SCHEMA {name}; CREATE TABLE {name}.mine (id int)")

    with pytest.raises(asyncpg.DuplicateSchemaError):
        async with new_place(dsn):
            pass

    assert await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", f"{name}.mine")
    await connection.close()


def test_results_are_compared_row_by_row(tmp_path: Path) -> None:
    from benchmarks.measuring import LIBRARY, PLAIN, Figure, Row
    from benchmarks.results import Results, Topic

    machine = dict.fromkeys(
        ("date", "note", "revision", "cores", "cpu", "memory", "kernel", "python", "postgresql"),
        "x",
    )
    topic = Topic(name="drain", about="", figures=[Figure(name="rate", title="jobs/s")])
    for name, rates in {"a": [100.0, 300.0], "b": [400.0, 800.0]}.items():
        rows = [
            Row(
                scenario="drain", case="default", contestant=who, base=PLAIN, figures={"rate": rate}
            )
            for who, rate in {LIBRARY: rates, PLAIN: [1000.0, 1000.0]}.items()
        ]
        Results(machine=machine, size={}, topics=[topic], rows=rows).write(tmp_path / name)

    done = benchmark("--compare", str(tmp_path / "a"), str(tmp_path / "b"))

    line = next(line for line in done.stdout.splitlines() if LIBRARY in line)
    assert line.split()[-5:] == ["200", "600", "3.00", "0.20", "0.60"]
