"""PGOPTIONS for asyncpg, which does not read it.

libpq hands PGOPTIONS to the server when it connects, so that
``PGOPTIONS="-csearch_path=myschema" pgq install`` works in that schema. asyncpg knows nothing of
it: the settings are made here, on the first use of a connection that somebody else made.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    import asyncpg
    from asyncpg.pool import PoolConnectionProxy

    AnyConnection: TypeAlias = asyncpg.Connection[Any] | PoolConnectionProxy[Any]

_WORD: Final = re.compile(r"(?:[^\s\\]|\\.)+", re.DOTALL)
# What the client set when it connected, or since, was meant; as in libpq, it wins.
_APPLY: Final = """
SELECT set_config(wanted.name, wanted.value, false)
FROM unnest($1::text[], $2::text[]) AS wanted (name, value)
LEFT JOIN pg_settings AS setting ON lower(setting.name) = lower(wanted.name)
WHERE setting.name IS NULL
    OR (setting.source NOT IN ('client', 'session') AND setting.context IN ('user', 'superuser'))
"""


def read_options(text: str) -> dict[str, str]:
    """The settings in `text`, given as ``-c name=value``, ``-cname=value`` or ``--name=value``.

    A backslash takes the meaning from the character after it, such as a space. Other switches are
    passed over. Raises ValueError for a setting without a value.
    """
    words = [re.sub(r"\\(.)", r"\1", word, flags=re.DOTALL) for word in _WORD.findall(text)]
    settings: dict[str, str] = {}
    while words:
        word = words.pop(0)
        if word == "-c" and words:
            word += words.pop(0)
        if not word.startswith(("-c", "--")):
            continue
        name, separator, value = word[2:].partition("=")
        if not separator:
            raise ValueError(f"{word!r} in PGOPTIONS has no value; write -cname=value")
        settings[name.replace("-", "_")] = value
    return settings


class SessionOptions:
    """The settings of PGOPTIONS, as they were when this object was made.

    Without PGOPTIONS, or once a connection turned out to have them, it costs nothing.
    """

    def __init__(self) -> None:
        self._wanted = read_options(os.environ.get("PGOPTIONS", ""))

    async def apply(self, connection: AnyConnection) -> None:
        """Make those settings in the session that were not given when it was opened."""
        if not self._wanted:
            return
        made = await connection.fetch(_APPLY, list(self._wanted), list(self._wanted.values()))
        if not made:
            self._wanted = {}
