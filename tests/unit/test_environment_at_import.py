"""Importing the library reads no setting: what is set afterwards counts."""

from __future__ import annotations

import json
import subprocess
import sys

SCRIPT = """
import json, os, pkgutil, sys
from importlib import import_module

class Watched(os._Environ):
    def __getitem__(self, key):
        note(key)
        return super().__getitem__(key)

    def __iter__(self):
        note("all of them")
        return super().__iter__()

def note(key):
    frame = sys._getframe(2)
    while frame.f_globals["__name__"] in ("os", "_collections_abc", "collections.abc"):
        frame = frame.f_back
    if not frame.f_globals["__name__"].startswith(OURS):
        # A library that one of our modules imports reads what is its own.
        return
    while frame is not None:
        # A module's own code runs at its import only.
        if frame.f_code.co_name == "<module>" and frame.f_globals["__name__"].startswith(OURS):
            read.append([frame.f_globals["__name__"], key])
        frame = frame.f_back

OURS = ("pgqueuer", "pgq_plugins")
read = []
os.environ.__class__ = Watched
os.environ["PGQUEUER_NOTED"] = "1"
modules = []
for package in OURS:
    for found in pkgutil.walk_packages(import_module(package).__path__, package + "."):
        if found.name.endswith("__main__") or ".testing" in found.name:
            continue
        try:
            import_module(found.name)
        except ModuleNotFoundError as error:
            assert not error.name.startswith(OURS), error
        else:
            modules.append(found.name)
ours = [key for module, key in read if key == "all of them" or key.startswith(("PG", "pg"))]
os.environ["PGQUEUER_PREFIX"] = "late_"
from pgqueuer import InMemoryDriver, InMemoryQueries, PgQueuer
late = PgQueuer(InMemoryDriver(), queries=InMemoryQueries(InMemoryDriver())).channel
print(json.dumps({"modules": len(modules), "read": ours, "late": late}))
"""


def test_no_module_reads_a_setting_and_a_prefix_set_later_counts() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["read"] == []
    assert found["late"] == "late_ch_pgqueuer"
    assert found["modules"] > 100
