"""What a result was measured on, without names of hosts and without paths."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import asyncpg

LIBRARIES = ("asyncpg", "psycopg", "uvloop", "pydantic")
ROOT = Path(__file__).resolve().parents[1]

# Text may hold a path or a name, and a port says nothing of the speed.
SETTINGS = """
    SELECT name, setting || coalesce(unit, '') AS setting
    FROM pg_settings
    WHERE source NOT IN ('default', 'override', 'client', 'session')
        AND vartype <> 'string'
        AND setting IS DISTINCT FROM boot_val
        AND name <> 'port'
    ORDER BY name
"""


async def describe(dsn: str, note: str) -> dict[str, object]:
    """The machine, the versions and the server, and what the user says of them."""
    connection = await asyncpg.connect(dsn)
    try:
        settings = {row["name"]: row["setting"] for row in await connection.fetch(SETTINGS)}
        server = str(await connection.fetchval("SHOW server_version"))
    finally:
        await connection.close()
    return {
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "note": note,
        "revision": _revision(),
        "cpu": _cpu(),
        "cores": _cores(),
        "memory": _memory(),
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "libraries": {name: found for name in LIBRARIES if (found := _version(name))},
        "postgresql": server,
        "settings": settings,
    }


def _revision() -> str:
    """The commit, with a plus sign where something else was changed."""
    try:
        commit = _git("rev-parse", "--short=12", "HEAD")
        return f"{commit}+" if _git("status", "--porcelain", "--", "src") else commit
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _cores() -> int | None:
    """Those that this process may use, where the system tells them."""
    usable: Callable[[int], set[int]] | None = getattr(os, "sched_getaffinity", None)
    return len(usable(0)) if usable else os.cpu_count()


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(
            line.partition(":")[2].strip() for line in lines if line.startswith("model name")
        )
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _memory() -> str:
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return f"{pages / 2**30:.0f} GiB"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
