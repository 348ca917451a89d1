"""Draw the life of a job, and write its table, from the transitions of the library.

`python scripts/state_machine.py` writes docs/images/life-of-a-job.svg and the table in
docs/state-machine.md anew. A transition between statuses that have no path in the drawing stops it.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path

from pgqueuer.domain.lifecycle import KEPT, TERMINAL, TRANSITIONS, Transition

DOCS = Path(__file__).resolve().parents[1] / "docs"
IMAGE = DOCS / "images" / "life-of-a-job.svg"
PAGE = DOCS / "state-machine.md"
BEGIN, END = "<!-- transitions: made by scripts/state_machine.py -->\n", "<!-- end -->\n"

ENDED = "ended"
ANY = "any"

STYLE = """
    .paper { fill: #ffffff } .box { fill: #e8f0fa; stroke: #2f5d9b }
    .end { fill: #f3f3f3; stroke: #777777 } .line { stroke: #44546a } .tip { fill: #44546a }
    .status { fill: #17365d } .name { fill: #222222 } .who { fill: #666666 }
    @media (prefers-color-scheme: dark) {
      .paper { fill: #16191d } .box { fill: #1d3350; stroke: #7fb0ec }
      .end { fill: #262a2f; stroke: #9a9a9a } .line { stroke: #a9b8cc } .tip { fill: #a9b8cc }
      .status { fill: #dbe9fb } .name { fill: #e8e8e8 } .who { fill: #a8a8a8 }
    }"""

BOXES = {"queued": (170, 170), "picked": (420, 170), "failed": (420, 360)}
"""Upper left corners; a box is 120 by 52."""

PATHS = {
    ("new", "queued"): "M20 196 H168",
    ("queued", "picked"): "M290 196 H418",
    ("picked", "queued"): "M470 168 C445 92 265 92 240 166",
    ("picked", ENDED): "M540 196 H668",
    ("picked", "failed"): "M480 222 V358",
    ("failed", "queued"): "M418 386 C310 386 240 330 231 224",
    (ANY, ENDED): "M650 400 C710 400 742 360 746 284",
}
LABELS = {
    ("new", "queued"): (94, 170, "middle"),
    ("queued", "picked"): (354, 170, "middle"),
    ("picked", "queued"): (355, 50, "middle"),
    ("picked", ENDED): (604, 160, "middle"),
    ("picked", "failed"): (490, 270, "start"),
    ("failed", "queued"): (330, 400, "middle"),
    (ANY, ENDED): (580, 430, "start"),
}
"""Where the first line of an edge's label stands."""


def main() -> None:
    IMAGE.write_text(drawing(), encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")


def page() -> str:
    """The page with the table as it should be."""
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    return before + BEGIN + "\n" + table() + "\n" + END + rest.split(END)[1]


def table() -> str:
    """Every transition, one a line."""
    head = "| | from | to | who | when | `attempts` | `takeovers` | `execute_after` | log |\n"
    return head + "|---" * 9 + "|\n" + "".join(map(_line, TRANSITIONS))


def _line(transition: Transition) -> str:
    logged = "+ traceback" if transition.explained else "row"
    changes = [transition.attempts, transition.takeovers, transition.execute_after]
    cells = [
        f"**{transition.name}**",
        ", ".join(source or "none" for source in transition.sources),
        transition.target or "none",
        transition.actor,
        transition.cause,
        *(change.value if transition.keeps_row else "" for change in changes),
        logged if transition.logged else "nothing",
    ]
    return "| " + " | ".join(cell.replace("unchanged", "") for cell in cells) + " |\n"


def drawing() -> str:
    """The diagram as SVG."""
    return "\n".join(
        [
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 840 500" width="840" height="500"'
            ' font-family="sans-serif" font-size="13">',
            "  <title>The life of a job</title>",
            f"  <desc>{escape(_described())}</desc>",
            f"  <style>{STYLE}\n  </style>",
            '  <marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8"'
            ' markerHeight="8" orient="auto"><path class="tip" d="M0 0 L10 5 L0 10 z"/></marker>',
            '  <rect class="paper" width="840" height="500" rx="10"/>',
            *_boxes(),
            *_edges(),
            "</svg>\n",
        ]
    )


def _described() -> str:
    return "; ".join(f"{edge[0]} to {edge[1]}: {', '.join(_lines(edge))}" for edge in grouped())


def grouped() -> dict[tuple[str, str], list[Transition]]:
    """The transitions of each arrow; those from every status share one."""
    edges: dict[tuple[str, str], list[Transition]] = {}
    for transition in TRANSITIONS:
        source = ANY if len(transition.sources) > 1 else transition.sources[0] or "new"
        target = transition.target if transition.target in KEPT else ENDED
        edges.setdefault((source, target or ENDED), []).append(transition)
    return edges


def _lines(edge: tuple[str, str]) -> Iterator[str]:
    """The label: the transitions of each actor."""
    actors: dict[str, list[str]] = {}
    for transition in grouped()[edge]:
        actors.setdefault(transition.actor, []).append(transition.name)
    for actor, names in actors.items():
        yield f"{', '.join(names)} ({actor})"


def _boxes() -> Iterator[str]:
    for status, (x, y) in BOXES.items():
        yield (
            f'  <rect class="box" x="{x}" y="{y}" width="120" height="52" rx="9"'
            ' stroke-width="1.5"/>'
        )
        yield _text(x + 60, y + 32, status, "status", "middle", bold=True)
    yield (
        '  <rect class="end" x="670" y="112" width="150" height="170" rx="9" stroke-width="1.5"'
        ' stroke-dasharray="5 4"/>'
    )
    for place, status in enumerate(sorted(TERMINAL)):
        yield _text(745, 142 + 28 * place, status, "status", "middle", bold=True)
    yield _text(745, 264, "row gone, log stays", "who", "middle")


def _edges() -> Iterator[str]:
    for edge in grouped():
        yield (
            f'  <path class="line" d="{PATHS[edge]}" fill="none" stroke-width="1.5"'
            ' marker-end="url(#tip)"/>'
        )
        x, y, anchor = LABELS[edge]
        for place, line in enumerate(_lines(edge)):
            names, _, actor = line.partition(" (")
            low = y + 36 * place
            yield _text(x, low, names, "name", anchor)
            yield _text(x, low + 16, actor.rstrip(")"), "who", anchor)
    yield _text(640, 404, "any of them", "who", "end")


def _text(x: int, y: int, text: str, kind: str, anchor: str, *, bold: bool = False) -> str:
    weight = ' font-weight="bold" font-size="15"' if bold else ""
    return (
        f'  <text class="{kind}" x="{x}" y="{y}" text-anchor="{anchor}"{weight}>'
        f"{escape(text)}</text>"
    )


if __name__ == "__main__":
    main()
