"""The page about the interface of 1.x is made from the table that the code is held against."""

from __future__ import annotations

import subprocess
import sys

from tests.support.documents import DOCS, ROOT


def test_the_page_is_what_its_script_prints() -> None:
    script = ROOT / "scripts" / "interface_page.py"
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    committed = (DOCS / "reference" / "interface.md").read_text(encoding="utf-8")
    assert committed == done.stdout, f"run: python {script} > docs/reference/interface.md"
