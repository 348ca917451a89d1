"""What commands have in common: the global options as a value, and option types."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    TimedeltaType = click.ParamType[timedelta]
else:
    # Old releases of click have a class that takes no parameter.
    TimedeltaType = click.ParamType

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
LARGEST_ID = 2**63 - 1
"""Of a BIGINT column."""


class VerifyMode(Enum):
    """What `pgq verify` holds the database against."""

    present = "present"
    absent = "absent"


class OnConflictChoice(Enum):
    """What `pgq queue` does when an active job holds the dedupe key."""

    raise_ = "raise"
    skip = "skip"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppConfig:
    """The global options of one `pgq` call; None stands for an option that was not given."""

    prefix: str | None = None
    schema: str | None = None
    pg_dsn: str | None = None
    factory: str | None = None
    driver: str | None = None
    log_level: str | None = None

    @property
    def debug(self) -> bool:
        """Whether a failure shows its traceback."""
        return self.log_level == "DEBUG"

    @classmethod
    def of(cls, ctx: click.Context) -> AppConfig:
        """The global options that the command of `ctx` was called with."""
        config = ctx.find_root().obj
        return config if isinstance(config, cls) else cls()


class Seconds(TimedeltaType):
    """A number of seconds within bounds; commands get a timedelta."""

    name = "seconds"

    def __init__(
        self, *, minimum: float = 0.0, maximum: float, without_minimum: bool = False
    ) -> None:
        self.minimum = minimum
        self.maximum = maximum
        self.without_minimum = without_minimum

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """`value` as a timedelta; what is out of bounds is a usage error that names them."""
        if isinstance(value, timedelta):
            return value
        try:
            seconds = float(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a number; allowed is {self.bounds}.", param, ctx)
        if not self._allows(seconds):
            self.fail(f"{value!r} is out of range; allowed is {self.bounds}.", param, ctx)
        return timedelta(seconds=seconds)

    @property
    def bounds(self) -> str:
        """The allowed range, for people."""
        lower = "more than" if self.without_minimum else "from"
        return f"{lower} {self.minimum:g} up to {self.maximum:g} seconds"

    def _allows(self, seconds: float) -> bool:
        if math.isnan(seconds) or seconds > self.maximum:
            return False
        return seconds > self.minimum if self.without_minimum else seconds >= self.minimum


EXPORTED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "prefix": ("PGQUEUER_PREFIX",),
        "schema": ("PGQUEUER_SCHEMA",),
        "driver": ("PGQUEUER_DRIVER",),
        "pg_dsn": ("PGDSN", "PGQUEUER_DSN"),
    }
)
"""The variables that hand a global option on."""


def export(name: str, value: str | None) -> None:
    """Put the value of a global option where factories and drivers look; None changes nothing."""
    if value is not None:
        os.environ.update(dict.fromkeys(EXPORTED.get(name, ()), value))
    # What was not imported has nothing cached, and the import would slow down every --help.
    if (settings := sys.modules.get("pgqueuer.domain.settings")) is not None:
        settings.db_settings.cache_clear()
