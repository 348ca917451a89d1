"""The picture of where the time goes tells functions and packages, and no paths of the machine."""

from __future__ import annotations

from xml.etree import ElementTree

from scripts.flame_graph import drawing, shares, tree

STACKS = """\
<module> (/home/me/x/pgqueuer/__main__.py:1);Runner.run (asyncio/runners.py:86) 20
Runner.run (asyncio/runners.py:86);Worker.run (pgqueuer/core/worker/worker.py:9) 10
Runner.run (asyncio/runners.py:86);Worker.run (pgqueuer/core/worker/worker.py:9);\
f.<locals>.g (/home/me/x/asyncpg/pool.py:3) 70
Thread._bootstrap (threading.py:988) 900
"""


def test_shares_count_what_the_event_loop_runs() -> None:
    lines = [line.split(maxsplit=2) for line in shares(tree(STACKS))]

    assert [(total, own) for total, own, _ in lines] == [
        ("100.0%", "20.0%"),
        ("80.0%", "10.0%"),
        ("70.0%", "70.0%"),
    ]
    assert [name for _, _, name in lines[1:]] == ["Worker.run", "f.g"]


def test_the_picture_has_no_path_of_the_machine() -> None:
    picture = drawing(tree(STACKS))

    assert "Worker.run: 80.0%" in "".join(ElementTree.fromstring(picture).itertext())
    assert "/home" not in picture
