"""What `enqueue` accepts, checked and brought into columns before anything is sent.

Nothing here talks to a database, so that asynchronous, synchronous and in-memory producers refuse
and accept exactly the same.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeAlias, TypeGuard, TypeVar, cast, get_args

from pgqueuer.core.payloads import encode_payload
from pgqueuer.domain.errors import DuplicateJobError
from pgqueuer.domain.job_type import JobType
from pgqueuer.domain.types import (
    DedupeKeys,
    Delays,
    Entrypoints,
    HeaderSets,
    JobId,
    OnConflict,
    Priorities,
)

T = TypeVar("T")
JobTypes: TypeAlias = JobType[Any] | Sequence[JobType[Any]]

MAX_ENTRYPOINT_LENGTH = 512
MAX_REASON_LENGTH = 1000
MAX_DEDUPE_KEY_BYTES = 2000
"""A B-tree entry of PostgreSQL holds about 2,700 bytes."""

LONGEST_DELAY = timedelta(days=365_000)

INT4 = range(-(2**31), 2**31)


@dataclass(frozen=True, slots=True)
class NormedEnqueueParam:
    """One list for each argument, all of the same length; `headers` is JSON text."""

    priority: list[int]
    entrypoint: list[str]
    payload: list[bytes | None]
    execute_after: list[timedelta | None]
    dedupe_key: list[str | None]
    headers: list[str | None]

    def __len__(self) -> int:
        return len(self.entrypoint)

    @property
    def columns(self) -> tuple[object, ...]:
        """All but the dedupe keys, in the order of the statements' parameters."""
        return (self.priority, self.entrypoint, self.payload, self.execute_after, self.headers)

    @property
    def has_dedupe_keys(self) -> bool:
        """Whether any of the jobs has one."""
        return not _all_none(self.dedupe_key)

    @property
    def differ_in_payload_only(self) -> bool:
        """Whether the jobs, of which there is one, share the rest and leave out what they can."""
        return (
            self.entrypoint.count(self.entrypoint[0]) == len(self)
            and self.priority.count(self.priority[0]) == len(self)
            and _all_none(self.execute_after)
            and _all_none(self.headers)
            and _all_none(self.dedupe_key)
        )


def normalize_enqueue_params(
    entrypoint: Entrypoints | JobTypes,
    payload: object,
    priority: Priorities = 0,
    execute_after: Delays = None,
    dedupe_key: DedupeKeys = None,
    headers: HeaderSets = None,
    *,
    max_payload_bytes: int,
) -> NormedEnqueueParam:
    """Check every value and make columns of them.

    Each argument needs as many values as there are entrypoints; a scalar is one value, and what
    is left at its default counts for every job. Raises ValueError or TypeError that names the
    argument.
    """
    entrypoints = _as_list(entrypoint)
    count = len(entrypoints)
    # The one payload of one JobType may be a list itself.
    payloads = [payload] if isinstance(entrypoint, JobType) else _column("payload", payload, count)
    return NormedEnqueueParam(
        entrypoint=_entrypoints(entrypoints),
        payload=_payloads(payloads, entrypoints, max_payload_bytes),
        priority=_priorities(priority, count),
        execute_after=_optional("execute_after", execute_after, count, _delay),
        dedupe_key=_optional("dedupe_key", dedupe_key, count, _dedupe_key),
        headers=_optional("headers", headers, count, headers_text),
    )


def _as_list(value: object) -> list[object]:
    return list(value) if _is_list(value) else [value]


def _is_list(value: object) -> TypeGuard[Sequence[object]]:
    # What is most common first: the check for a Sequence is slow.
    return not isinstance(value, str | bytes | bytearray | memoryview) and isinstance(
        value, Sequence
    )


def _column(argument: str, given: object, count: int) -> list[object]:
    values = _as_list(given)
    if len(values) != count:
        raise ValueError(
            f"Expected {count} values for {argument} to match entrypoint, got {len(values)}."
        )
    return values


def _optional(
    argument: str, given: object, count: int, check: Callable[[object], T]
) -> list[T | None]:
    if given is None:
        return [None] * count
    values = _column(argument, given, count)
    if _all_none(values):
        return [None] * count
    return [None if value is None else check(value) for value in values]


def _all_none(values: Sequence[object]) -> bool:
    # A loop in Python would cost more than the rest of a check.
    return values.count(None) == len(values)


def _entrypoints(values: Sequence[object]) -> list[str]:
    """One name for all, which is most common, is checked once."""
    if not values:
        return []
    first = values[0]
    if type(first) is str and values.count(first) == len(values):
        return [_entrypoint(first)] * len(values)
    return [_entrypoint(value) for value in values]


def _entrypoint(value: object) -> str:
    if isinstance(value, JobType):
        value = value.name
    if not isinstance(value, str):
        raise TypeError(f"entrypoint must be str, got {type(value).__name__}")
    if not value:
        raise ValueError("entrypoint must not be empty")
    if len(value) > MAX_ENTRYPOINT_LENGTH:
        raise ValueError(
            f"entrypoint must have at most {MAX_ENTRYPOINT_LENGTH} characters, got {len(value)}"
        )
    return _storable("entrypoint", value)


def _payloads(
    values: Sequence[object], named: Sequence[object], max_bytes: int
) -> list[bytes | None]:
    if set(map(type, values)) == {bytes}:
        given = cast("Sequence[bytes]", values)
        if max(map(len, given)) <= max_bytes:
            return list(given)
    return [
        _payload(value, entrypoint, max_bytes)
        for value, entrypoint in zip(values, named, strict=True)
    ]


def entrypoint_names(given: str | Iterable[str]) -> list[str]:
    """Each name once, checked; raises ValueError or TypeError for what can not be one."""
    return list(dict.fromkeys(map(_entrypoint, [given] if isinstance(given, str) else given)))


def pause_reason(value: object) -> str | None:
    """A reason as it can be stored; blanks around it go, and an empty one is none.

    Raises ValueError or TypeError for what is no short text.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        raise TypeError(f"reason must be str, got {type(value).__name__}")
    if len(value) > MAX_REASON_LENGTH:
        raise ValueError(
            f"reason must have at most {MAX_REASON_LENGTH} characters, got {len(value)}"
        )
    return _storable("reason", value.strip()) or None


def _payload(value: object, named: object, max_bytes: int) -> bytes | None:
    if isinstance(value, bytes | bytearray | memoryview):
        data = bytes(value)
    elif isinstance(named, JobType):
        data = encode_payload(value, named)
    elif value is None:
        return None
    else:
        data = encode_payload(value)
    if len(data) > max_bytes:
        raise ValueError(
            f"payload has {len(data)} bytes, more than the {max_bytes} allowed; keep large data "
            "elsewhere and enqueue a reference, or raise PGQUEUER_MAX_PAYLOAD_BYTES"
        )
    return data


def _priorities(given: Priorities, count: int) -> list[int]:
    if type(given) is int and given == 0:
        return [0] * count
    values = _column("priority", given, count)
    if set(map(type, values)) == {int}:
        numbers = cast("list[int]", values)
        if min(numbers) in INT4 and max(numbers) in INT4:
            return numbers
    return [_priority(value) for value in values]


def _priority(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"priority must be int, got {type(value).__name__}")
    if value not in INT4:
        raise ValueError(f"priority must be from {INT4.start} to {INT4.stop - 1}, got {value}")
    return value


def _delay(value: object) -> timedelta:
    if not isinstance(value, timedelta):
        raise TypeError(
            f"execute_after must be a timedelta from now or None, got {type(value).__name__}"
        )
    if abs(value) > LONGEST_DELAY:
        raise ValueError(f"execute_after must be less than 1,000 years from now, got {value}")
    return value


def _dedupe_key(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"dedupe_key must be str or None, got {type(value).__name__}")
    size = len(value.encode(errors="replace"))
    if size > MAX_DEDUPE_KEY_BYTES:
        raise ValueError(
            f"dedupe_key must have at most {MAX_DEDUPE_KEY_BYTES} bytes, got {size}; "
            "use a hash of it"
        )
    return _storable("dedupe_key", value)


def headers_text(value: object) -> str:
    """The headers as JSON text; raises TypeError or ValueError for what can not be kept."""
    if not isinstance(value, Mapping):
        raise TypeError(f"headers must be a dict or None, got {type(value).__name__}")
    if not all(isinstance(key, str) for key in value):
        raise TypeError("headers must have str keys")
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise TypeError(f"headers must be representable as JSON: {error}") from error
    # JSON escapes them, and JSONB refuses what it would have to turn into a NUL.
    if "\\u0000" in text.replace("\\\\", ""):
        raise ValueError("headers must not contain NUL characters")
    return _storable("headers", text)


def _storable(argument: str, value: str) -> str:
    """PostgreSQL's text has neither NUL characters nor lone surrogates."""
    if "\x00" in value:
        raise ValueError(f"{argument} must not contain NUL characters")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{argument} must be valid Unicode: {error.reason}") from error
    return value


def is_storable(text: str) -> bool:
    """Whether PostgreSQL's text can have this one in it."""
    try:
        _storable("text", text)
    except ValueError:
        return False
    return True


def check_on_conflict(on_conflict: str) -> None:
    """Raise ValueError unless `on_conflict` is one of the known words."""
    if on_conflict not in get_args(OnConflict):
        known = ", ".join(map(repr, get_args(OnConflict)))
        raise ValueError(f"on_conflict must be one of {known}, got {on_conflict!r}")


def repeated_dedupe_keys(keys: Iterable[str | None]) -> list[str]:
    """Keys that stand more than once in one call, in order of their first place."""
    return [key for key, times in Counter(keys).items() if key is not None and times > 1]


def reject_repeated_dedupe_keys(keys: Iterable[str | None], on_conflict: OnConflict) -> None:
    """Two jobs of one call can not hold one key, unless the later ones are to be skipped."""
    if on_conflict == "skip":
        return
    repeated = repeated_dedupe_keys(keys)
    if not repeated:
        return
    if on_conflict == "update_priority":
        raise ValueError(f"dedupe_key holds a key more than once: {', '.join(repeated)}")
    raise DuplicateJobError(repeated)


def scatter_ids_by_ordinal(rows: Iterable[Mapping[str, object]], count: int) -> list[JobId | None]:
    """Ids in input order from rows of `id` and `place` (from 1); None where there is no row."""
    ids: list[JobId | None] = [None] * count
    for row in rows:
        place, job_id = row["place"], row["id"]
        if isinstance(place, int) and isinstance(job_id, int):
            ids[place - 1] = JobId(job_id)
    return ids


def cell(rows: Sequence[Mapping[str, object]], column: str) -> object:
    """The value of `column` in the only row of a result."""
    (row,) = rows
    return row[column]


def merge_tracing_headers(
    params: NormedEnqueueParam, traced: Sequence[Mapping[str, object]]
) -> NormedEnqueueParam:
    """`params` with what a tracer wants to send along, which wins over headers of that name.

    Raises ValueError when there is not one mapping for each job.
    """
    merged = [
        text if not extra else headers_text((json.loads(text) if text else {}) | dict(extra))
        for text, extra in zip(params.headers, traced, strict=True)
    ]
    return replace(params, headers=merged)
