"""Which entry points are installed, and which of them the user wants."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pgqueuer.plugins.markers import PROJECT

if TYPE_CHECKING:
    from importlib.metadata import Distribution, EntryPoint

ALLOW: Final = "PGQUEUER_PLUGINS"
DENY: Final = "PGQUEUER_DISABLE_PLUGINS"
UNKNOWN: Final = "unknown"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An entry point of the group, not imported yet, and the distribution that declares it."""

    entry_point: EntryPoint
    distribution: str
    version: str

    @property
    def name(self) -> str:
        """The name of the entry point."""
        return self.entry_point.name

    @property
    def bundled(self) -> bool:
        """Whether it is declared by pgqueuer itself."""
        return normalized(self.distribution) == PROJECT


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The user's choice by entry-point name; `allowed=None` means all.

    The allow-list is about other people's plugins: bundled ones go only by the deny-list.
    """

    allowed: frozenset[str] | None = None
    denied: frozenset[str] = frozenset()
    bundled_only: bool = False

    @classmethod
    def read(cls, environment: Mapping[str, str], *, bundled_only: bool = False) -> Selection:
        """The lists in PGQUEUER_PLUGINS and PGQUEUER_DISABLE_PLUGINS."""
        return cls(
            allowed=_names(environment[ALLOW]) if ALLOW in environment else None,
            denied=_names(environment.get(DENY, "")),
            bundled_only=bundled_only,
        )

    def refusal(self, candidate: Candidate) -> str | None:
        """Why the candidate is not to be imported, or None."""
        if candidate.name in self.denied:
            return f"named in {DENY}"
        if candidate.bundled:
            return None
        if self.bundled_only:
            return "only bundled plugins were asked for"
        if self.allowed is not None and candidate.name not in self.allowed:
            return f"not named in {ALLOW}"
        return None

    def absent(self, candidates: Iterable[Candidate]) -> list[str]:
        """Names in the allow-list that no distribution declares."""
        return sorted((self.allowed or frozenset()) - {candidate.name for candidate in candidates})


def discover(entry_points: Iterable[EntryPoint] | None = None) -> list[Candidate]:
    """The candidates, bundled ones first, then by distribution and name."""
    found = installed_entry_points() if entry_points is None else entry_points
    candidates = [_candidate(entry_point) for entry_point in found]
    return sorted(candidates, key=lambda found: (not found.bundled, found.distribution, found.name))


def installed_entry_points() -> list[EntryPoint]:
    """Every entry point of the group, once a distribution."""
    from importlib import metadata  # noqa: PLC0415 - 20 ms that authors need not pay

    try:
        return list(metadata.entry_points(group=PROJECT))
    except Exception:
        logger.debug("Reading distributions one by one", exc_info=True)
        return list(_readable_entry_points(metadata.distributions()))


def normalized(distribution: str) -> str:
    """A distribution's name in the form in which equal names are equal."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def _readable_entry_points(distributions: Iterable[Distribution]) -> Iterator[EntryPoint]:
    """One unreadable distribution makes the standard function fail for all; here only for itself.

    Of two distributions with one name the first on the path counts, as in the standard function.
    """
    seen: set[str] = set()
    for distribution in distributions:
        name, version = _identity(distribution)
        if normalized(name) in seen:
            continue
        if name != UNKNOWN:
            seen.add(normalized(name))
        try:
            yield from distribution.entry_points.select(group=PROJECT)
        except Exception:
            logger.warning(
                "The entry points of %s %s can not be read; reinstall it.",
                name,
                version,
                exc_info=logger.isEnabledFor(logging.DEBUG),
            )


def _candidate(entry_point: EntryPoint) -> Candidate:
    name, version = _identity(entry_point.dist)
    return Candidate(entry_point=entry_point, distribution=name, version=version)


def _identity(distribution: Distribution | None) -> tuple[str, str]:
    if distribution is None:
        return UNKNOWN, UNKNOWN
    try:
        # Read once: `name` and `version` would each parse the whole of it.
        metadata = distribution.metadata
        name, version = metadata["Name"], metadata["Version"]
    except Exception:
        logger.debug("A distribution without readable metadata: %r", distribution, exc_info=True)
        return UNKNOWN, UNKNOWN
    return name or UNKNOWN, version or UNKNOWN


def _names(value: str) -> frozenset[str]:
    return frozenset(name.strip() for name in value.split(",") if name.strip())
