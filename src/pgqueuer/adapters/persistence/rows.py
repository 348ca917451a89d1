"""Rows of the database as models, and models as columns."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from functools import cache

from pydantic import TypeAdapter, ValidationError

from pgqueuer.domain.models import Job, TracebackRecord, utc_now
from pgqueuer.domain.types import JobId


@cache
def _jobs_adapter() -> TypeAdapter[list[Job]]:
    return TypeAdapter(list[Job])


def read_jobs(rows: Sequence[dict[str, object]]) -> list[Job]:
    """Rows as jobs; raises ValidationError if any of them is not a job."""
    return _jobs_adapter().validate_python(rows)


def read_claimed(
    rows: Sequence[dict[str, object]],
) -> tuple[list[Job], list[tuple[JobId, TracebackRecord]]]:
    """Rows as jobs, and those that are not jobs with the reason."""
    try:
        return read_jobs(rows), []
    except ValidationError:
        return _sort_out(rows)


def _sort_out(
    rows: Sequence[dict[str, object]],
) -> tuple[list[Job], list[tuple[JobId, TracebackRecord]]]:
    jobs: list[Job] = []
    unreadable: list[tuple[JobId, TracebackRecord]] = []
    for row in rows:
        try:
            jobs.append(Job.model_validate(row))
        except ValidationError as error:
            job_id = row["id"]
            if not isinstance(job_id, int):
                raise
            unreadable.append((JobId(job_id), _unreadable(JobId(job_id), error)))
    return jobs, unreadable


def _unreadable(job_id: JobId, error: ValidationError) -> TracebackRecord:
    fields = {str(part) for detail in error.errors() for part in detail["loc"][:1]}
    return TracebackRecord(
        job_id=job_id,
        timestamp=utc_now(),
        exception_type="UnreadableJob",
        exception_message=f"The row can not be read: {', '.join(sorted(fields))}",
        traceback=json.dumps(error.errors(include_input=False, include_url=False), default=str),
        additional_context=None,
    )


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
