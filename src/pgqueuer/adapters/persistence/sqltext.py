"""SQL from files: one statement a file, identifiers put in through psql's own markers.

``:"queue_table"`` becomes the quoted, qualified name of a settings field, and ``:'channel'`` the
same as a string literal, just as psql reads them, so that every file can be run by hand after
``\\set``. A marker that the settings do not know is an error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pgqueuer.domain.settings import DBSettings

EARLIEST: Final = "0001-01-02 00:00:00+00"
LATEST: Final = "9999-12-30 00:00:00+00"
"""What a datetime of Python can tell, in every time zone. PostgreSQL knows infinity, 4713 BC and
the year 294276, too; statements that give a time away bring it between these two, so that one row
that somebody wrote by hand can not spoil the others."""

_MARKER = re.compile(r"""(?<!:):(?:"(?P<identifier>\w+)"|'(?P<literal>\w+)')""")


def quote_identifier(name: str) -> str:
    """A name, dotted or not, as SQL; each part keeps its case."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))


def quote_literal(value: str) -> str:
    """A string constant; backslashes mean themselves under standard_conforming_strings."""
    return "'" + value.replace("'", "''") + "'"


def sql_names(settings: DBSettings) -> dict[str, str]:
    """What each marker stands for, not yet quoted.

    `queue_table` and the like are qualified; `queue_table_name` and the like are bare, for index
    names (see `render`); `queue_table_regclass` and the like are quoted already, for literals
    that PostgreSQL parses as a name, as in ``:'queue_table_regclass'::regclass``. `earliest` and
    `latest` are times, `log_claims` and `log_enqueues` are true or false.
    """
    qualified = {
        name: getattr(settings.qualified, name) for name in settings.qualified.__dataclass_fields__
    }
    bare = {
        f"{name}_name": getattr(settings, name).rpartition(".")[2]
        for name in settings.qualified.__dataclass_fields__
    }
    extra = {"channel": settings.channel, "trigger": settings.trigger}
    extra |= {"earliest": EARLIEST, "latest": LATEST}
    extra["log_claims"] = str(settings.log_claims).lower()
    extra["log_enqueues"] = str(settings.log_enqueues).lower()
    extra |= {f"{name}_regclass": quote_identifier(value) for name, value in qualified.items()}
    extra["backlog_index_regclass"] = quote_identifier(qualified["queue_table"] + "_ep_prio_id_idx")
    if settings.db_schema is not None:
        extra["schema"] = settings.db_schema
    return qualified | bare | extra


def render(text: str, names: Mapping[str, str]) -> str:
    """Fill in the markers of `text`.

    A marker may carry a suffix after two underscores, for objects whose name derives from a
    table's: ``:"queue_table_name__ep_prio_id_idx"``. Raises LookupError for an unknown marker.
    """

    def fill(match: re.Match[str]) -> str:
        marker = match["identifier"] or match["literal"]
        base, separator, suffix = marker.partition("__")
        if base not in names:
            raise LookupError(f"unknown marker {match[0]} in an SQL file")
        name = names[base] + ("_" + suffix if separator else "")
        return quote_literal(name) if match["literal"] else quote_identifier(name)

    return _MARKER.sub(fill, text)


@cache
def read_sql(folder: str, name: str) -> str:
    """The text of `folder/name.sql` beside this module, without its leading comment."""
    path = files("pgqueuer.adapters.persistence") / folder / f"{name}.sql"
    lines = path.read_text(encoding="utf-8").splitlines()
    while lines and (lines[0].startswith("--") or not lines[0].strip()):
        del lines[0]
    return "\n".join(lines).rstrip().removesuffix(";")


class Statements:
    """The statements of `sql/` for one settings object, each rendered once.

    An edition beyond the first says so in a comment: a driver prepares it anew.
    """

    def __init__(self, settings: DBSettings, edition: int = 1) -> None:
        self._settings = settings
        self._names = sql_names(settings)
        self._edition = edition
        self._rendered: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        """The statement `sql/<name>.sql`, ready to run."""
        text = self._rendered.get(name)
        if text is None:
            text = render(read_sql("sql", name), self._names)
            if self._edition > 1:
                text += f"\n-- edition {self._edition}"
            self._rendered[name] = text
        return text

    def next_edition(self) -> Statements:
        """The same statements with another text."""
        return Statements(self._settings, self._edition + 1)
