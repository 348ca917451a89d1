"""Results as files, and what is read off them."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from benchmarks.measuring import Figure, Row, Scenario, Size

FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """What the tables and charts need to know of a scenario."""

    name: str
    about: str
    figures: Sequence[Figure]

    @property
    def main(self) -> Figure:
        """What is compared."""
        return self.figures[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """All that one call of the benchmark found."""

    machine: Mapping[str, object]
    size: Mapping[str, object]
    topics: Sequence[Topic]
    rows: Sequence[Row]

    @classmethod
    def of(
        cls,
        machine: Mapping[str, object],
        size: Size,
        scenarios: Sequence[Scenario],
        rows: Sequence[Row],
    ) -> Self:
        """Those of these scenarios."""
        topics = [Topic(name=one.name, about=one.about, figures=one.figures) for one in scenarios]
        return cls(machine=machine, size=asdict(size), topics=topics, rows=rows)

    @classmethod
    def read(cls, path: Path) -> Self:
        """From a file; raises ValueError if that holds something else."""
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if document.get("format") != FORMAT:
            raise ValueError(f"{path} is no result of this benchmark (format {FORMAT})")
        topics = [
            Topic(
                name=topic["name"],
                about=topic["about"],
                figures=[Figure(**figure) for figure in topic["figures"]],
            )
            for topic in document["topics"]
        ]
        rows = [Row(**row) for row in document["rows"]]
        return cls(machine=document["machine"], size=document["size"], topics=topics, rows=rows)

    def write(self, path: Path) -> None:
        """To a file."""
        document = {"format": FORMAT, **asdict(self)}
        text = json.dumps(document, indent=1, ensure_ascii=False, default=str)
        path.write_text(f"{text}\n", encoding="utf-8")

    def of_topic(self, topic: Topic) -> list[Row]:
        """The rows of a scenario, a case after the other."""
        return [row for row in self.rows if row.scenario == topic.name]

    def base_of(self, row: Row) -> Row | None:
        """Who this one's ratio is to; None where it is the base itself."""
        if row.contestant == row.base:
            return None
        mine = (row.scenario, row.case, row.base)
        found = (one for one in self.rows if (one.scenario, one.case, one.contestant) == mine)
        return next(found, None)

    def ratio(self, row: Row, figure: Figure) -> float | None:
        """The median of the ratios within each round, as a round has the same noise for all."""
        base = self.base_of(row)
        if base is None:
            return None
        mine, theirs = (one.figures.get(figure.name, ()) for one in (row, base))
        ratios = [value / other for value, other in zip(mine, theirs, strict=False) if other]
        return statistics.median(ratios) if ratios else None


def median(row: Row, figure: Figure) -> float | None:
    """The figure of the row; None where no run has it."""
    values = row.figures.get(figure.name)
    return statistics.median(values) if values else None
