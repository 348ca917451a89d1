"""Getting a batch written although some of it can not be."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from pydantic_core import PydanticSerializationError

from pgqueuer.core.logconfig import logger
from pgqueuer.domain.models import TracebackRecord

T = TypeVar("T")

# SQLSTATE classes of errors in single values, and the names that PEP 249 gives to them: drivers
# raise those for values that they can not even send.
_VALUE_SQLSTATES: Final = ("22", "23")
_VALUE_ERRORS: Final = frozenset({"DataError", "IntegrityError"})


async def write_in_parts(
    write: Callable[[list[T]], Awaitable[None]],
    items: list[T],
    replace: Callable[[T, Exception], T | None],
) -> tuple[list[T], bool]:
    """Write `items`; return those that were not written, in order, and whether to wait.

    While the database refuses a value, the batch is halved until the culprit stands alone; then
    `replace` says what to write in its place: None drops it, the same item keeps it. Any other
    error ends the attempt at once: then the second result is true. Errors are logged.
    """
    parts = [(items, False)]
    left: list[T] = []
    while parts:
        part, replaced = parts.pop()
        try:
            await write(part)
        except Exception as error:
            if not blames_a_value(error):
                logger.exception("Writing %d item(s) failed; trying again later", len(part))
                return left + part + [item for rest, _ in reversed(parts) for item in rest], True
            if len(part) > 1:
                middle = len(part) // 2
                parts += [(part[middle:], False), (part[:middle], False)]
                continue
            logger.exception("The database refuses an item")
            substitute = part[0] if replaced else replace(part[0], error)
            if substitute is part[0]:
                left += part
            elif substitute is not None:
                parts.append(([substitute], True))
    return left, False


def blames_a_value(error: Exception) -> bool:
    """Whether `error` is about a value that was sent, so that other values may be accepted."""
    sqlstate = getattr(error, "sqlstate", None)
    if isinstance(sqlstate, str):
        return sqlstate.startswith(_VALUE_SQLSTATES)
    if isinstance(error, UnicodeError | PydanticSerializationError):
        return True
    return any(base.__name__ in _VALUE_ERRORS for base in type(error).__mro__)


def storable(record: TracebackRecord) -> TracebackRecord:
    """`record` without what PostgreSQL can not store: NUL, lone surrogates, foreign objects."""
    return record.model_copy(
        update={
            "exception_type": _storable_text(record.exception_type),
            "exception_message": _storable_text(record.exception_message),
            "traceback": _storable_text(record.traceback),
            "additional_context": None,
        }
    )


def _storable_text(text: str) -> str:
    return text.encode(errors="backslashreplace").decode().replace("\0", "\\x00")
