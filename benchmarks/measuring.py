"""What a scenario is, and how its runs take turns."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from benchmarks.progress import ProgressBar

LIBRARY = "PgQueuer"
PLAIN = "plain SQL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much a run does; times in seconds."""

    jobs: int
    rounds: int
    backlog: int
    paced: float
    lead_in: float
    idle: float
    pinned: float
    quick: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What every run may use: the database, the sizes, a folder, the drivers to compare."""

    dsn: str
    size: Size
    folder: Path
    drivers: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """What is measured, and whether more of it is better; the first of a scenario is compared."""

    name: str
    title: str
    better: Literal["more", "less"] = "less"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The figures of one run by name; `problem` says why they should not be believed."""

    figures: Mapping[str, float] = field(default_factory=dict)
    problem: str = ""


Run = Callable[[Bench], Coroutine[object, object, Outcome]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """The same work by several contestants; ratios are to `base`."""

    name: str
    runs: Mapping[str, Run]
    base: str = PLAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Cases that are measured in the same figures."""

    name: str
    about: str
    figures: Sequence[Figure]
    cases: Callable[[Bench], Sequence[Case]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """All rounds of one contestant in one case; figures by name, one value a round."""

    scenario: str
    case: str
    contestant: str
    base: str
    figures: Mapping[str, list[float]]
    problems: Sequence[str] = ()


async def measure(
    bench: Bench, scenarios: Sequence[Scenario], only: Sequence[str], progress: ProgressBar
) -> list[Row]:
    """Run everything; `only` names cases, none means all.

    In each round each contestant has its turn in each case, each time another one first, so that
    what else the machine does hits all of them.
    """
    chosen = {scenario.name: list(_cases(bench, scenario, only)) for scenario in scenarios}
    turns = [
        (scenario.name, case, contestant, number)
        for scenario in scenarios
        for number in range(bench.size.rounds)
        for case in chosen[scenario.name]
        for contestant in _rotated(list(case.runs), number)
    ]
    found: dict[tuple[str, str, str], list[Outcome]] = {}
    with progress.of(len(turns)):
        for name, case, contestant, number in turns:
            progress.begin(f"{name}: {case.name}, {contestant}, round {number + 1}")
            outcome = await _attempt(case.runs[contestant], bench)
            found.setdefault((name, case.name, contestant), []).append(outcome)
            progress.end(outcome.problem)
    return [
        _row(scenario, case, contestant, found[scenario, case.name, contestant])
        for scenario, cases in chosen.items()
        for case in cases
        for contestant in case.runs
    ]


def _cases(bench: Bench, scenario: Scenario, only: Sequence[str]) -> Iterator[Case]:
    return (case for case in scenario.cases(bench) if not only or case.name in only)


def _rotated(names: list[str], by: int) -> list[str]:
    first = by % len(names)
    return [*names[first:], *names[:first]]


async def _attempt(run: Run, bench: Bench) -> Outcome:
    """A run that fails is told about, and the others go on."""
    try:
        return await run(bench)
    except Exception as error:
        return Outcome(problem=f"{type(error).__name__}: {error}")


def _row(scenario: str, case: Case, contestant: str, outcomes: Sequence[Outcome]) -> Row:
    names = {name: None for outcome in outcomes for name in outcome.figures}
    return Row(
        scenario=scenario,
        case=case.name,
        contestant=contestant,
        base=case.base,
        figures={
            name: [outcome.figures[name] for outcome in outcomes if name in outcome.figures]
            for name in names
        },
        problems=[outcome.problem for outcome in outcomes if outcome.problem],
    )
