"""Rows of the database as models, and models as columns."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from functools import cache
from typing import Final, TypeAlias

from pydantic import TypeAdapter, ValidationError

from pgqueuer.adapters.persistence.sqlstate import code_of
from pgqueuer.adapters.persistence.validation import as_models
from pgqueuer.domain.models import Job, Log, TracebackRecord, utc_now
from pgqueuer.domain.types import JobId

UnreadableRow: TypeAlias = tuple[JobId, TracebackRecord]

UNREADABLE: Final = "UnreadableJob"
"""The type of exception in the records that stand for rows, or tracebacks, that are none."""

_UNREADABLE: Final = (ValidationError, RecursionError)
"""What makes of a row no job; JSON may be nested deeper than Python reads it."""


@cache
def _jobs_adapter() -> TypeAdapter[list[Job]]:
    return TypeAdapter(list[Job])


def read_jobs(rows: Sequence[dict[str, object]]) -> list[Job]:
    """Rows as jobs; raises ValidationError if any of them is not a job."""
    return _jobs_adapter().validate_python(rows)


def show_jobs(rows: Sequence[dict[str, object]]) -> list[Job]:
    """Rows as jobs for people to look at: headers that can not be read are left out."""
    try:
        return read_jobs(rows)
    except _UNREADABLE:
        return [_without("headers", row) for row in rows]


def _without(column: str, row: dict[str, object]) -> Job:
    try:
        return Job.model_validate(row)
    except _UNREADABLE:
        return Job.model_validate(row | {column: None})


def read_logs(rows: list[dict[str, object]]) -> list[Log]:
    """Rows as transitions; of a traceback that is none only this is told."""
    try:
        return as_models(Log, rows)
    except _UNREADABLE:
        return [_log(row) for row in rows]


def _log(row: dict[str, object]) -> Log:
    try:
        return Log.model_validate(row)
    except _UNREADABLE as error:
        _, record = unreadable_row(row["job_id"], error)
        return Log.model_validate(row | {"traceback": record})


def read_claimed(
    rows: Sequence[dict[str, object]],
) -> tuple[list[Job], list[UnreadableRow]]:
    """Rows as jobs, and those that are not jobs with the reason."""
    try:
        return read_jobs(rows), []
    except _UNREADABLE:
        return _sort_out(rows)


def _sort_out(
    rows: Sequence[dict[str, object]],
) -> tuple[list[Job], list[UnreadableRow]]:
    jobs: list[Job] = []
    unreadable: list[UnreadableRow] = []
    for row in rows:
        try:
            jobs.append(Job.model_validate(row))
        except _UNREADABLE as error:
            unreadable.append(unreadable_row(row["id"], error))
    return jobs, unreadable


def is_unreadable(error: Exception) -> bool:
    """Whether a driver failed to make Python's values of a row, such as a year before Christ."""
    names = {base.__name__ for base in type(error).__mro__}
    foreign = isinstance(error, ValueError | ArithmeticError) or "DataError" in names
    return foreign and code_of(error) is None


def unreadable_row(job_id: object, error: Exception) -> UnreadableRow:
    """Why a row is no job, to be parked with it; the reason shows no value of the row."""
    if not isinstance(job_id, int):
        raise TypeError(f"expected the id of a job from the database, got {job_id!r}")
    reason, details = f"The row can not be read: {type(error).__name__}", ""
    if isinstance(error, ValidationError):
        fields = {str(part) for detail in error.errors() for part in detail["loc"][:1]}
        reason = f"The row can not be read: {', '.join(sorted(fields))}"
        details = json.dumps(error.errors(include_input=False, include_url=False), default=str)
    record = TracebackRecord(
        job_id=JobId(job_id),
        timestamp=utc_now(),
        exception_type=UNREADABLE,
        exception_message=reason,
        traceback=details,
        additional_context=None,
    )
    return JobId(job_id), record


def traceback_json(record: TracebackRecord) -> str:
    """The record as JSON that JSONB accepts, whatever the handler put into it.

    What JSON does not know becomes its repr; NUL characters and lone surrogates, which PostgreSQL
    can not store, become U+FFFD.
    """
    plain = record.model_dump(exclude={"timestamp"}) | {"timestamp": record.timestamp.isoformat()}
    return json.dumps(_storable(plain), default=lambda value: _clean(repr(value)))


def _storable(value: object) -> object:
    if isinstance(value, str):
        return _clean(value)
    if isinstance(value, dict):
        return {_clean(str(key)): _storable(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_storable(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    return value


def _clean(text: str) -> str:
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
