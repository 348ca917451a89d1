"""Every state of a small fleet: what must not happen does not, and each has a way out."""

from __future__ import annotations

import os

import pytest

from tests.model.checker import explore
from tests.model.claims import Design

THOROUGH = bool(float(os.environ.get("PGQUEUER_TEST_SOAK_MINUTES", "0")))

SMALL = [
    Design(workers=1, jobs=1, losses=2, crashes=1),
    Design(workers=2, jobs=1, losses=0, crashes=1),
    Design(workers=1, jobs=2, losses=1, crashes=0, limit=1),
]
LARGE = [
    Design(workers=2, jobs=1, losses=1, crashes=0),
    Design(workers=1, jobs=2, losses=1, crashes=0),
    Design(workers=2, jobs=1, losses=1, crashes=1),
    Design(workers=3, jobs=1, losses=0, crashes=0),
]


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("design", SMALL + LARGE * THOROUGH, ids=str)
def test_the_design_holds_in_every_state(design: Design) -> None:
    found = explore(design)

    print(f"{found.states:,} states, {found.steps:,} steps")
    assert found.violation is None, "\n".join([found.violation or "", *found.trace])
    assert found.states > 1_000


@pytest.mark.parametrize(
    ("without", "design"),
    [
        ("fenced", Design(workers=2, jobs=1, losses=0, crashes=0, fenced=False)),
        ("seats", Design(workers=1, jobs=2, losses=0, crashes=0, limit=1, seats=False)),
        ("recovers", Design(workers=1, jobs=1, losses=1, crashes=0, recovers=False)),
        ("contests", Design(workers=1, jobs=1, losses=2, crashes=0, contests=False)),
        ("suspects late", Design(workers=1, jobs=1, losses=1, crashes=0, suspects_late=False)),
        ("doubts losses", Design(workers=1, jobs=1, losses=2, crashes=0, doubts_losses=False)),
        (
            "beats know",
            Design(workers=1, jobs=1, crashes=0, doubts_losses=False, beats_know_delivery=False),
        ),
    ],
)
def test_the_checker_sees_what_each_safeguard_is_for(without: str, design: Design) -> None:
    found = explore(design)

    assert found.violation is not None, f"nothing is wrong without {without!r}"
    print(f"without {without}: {found.violation}", *found.trace, sep="\n  ")
