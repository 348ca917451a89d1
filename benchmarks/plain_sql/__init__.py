"""The same work by the fewest statements: what a queue on this server could reach at most.

It keeps no history, counts nothing, retries nothing, and notices no dead worker.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def statement(name: str) -> str:
    """The text of a file of this folder."""
    return (Path(__file__).parent / f"{name}.sql").read_text()
