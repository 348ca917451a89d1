"""One call of `enqueue` as a statement with its arguments, and how to read its answer.

Asynchronous and synchronous producers differ only in how they send it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from pgqueuer.adapters.persistence.query_helpers import (
    NormedEnqueueParam,
    check_on_conflict,
    merge_tracing_headers,
    normalize_enqueue_params,
    reject_repeated_dedupe_keys,
    scatter_ids_by_ordinal,
)
from pgqueuer.adapters.persistence.sqlstate import constraint_of, detail_of, is_unique_violation
from pgqueuer.core.tracing import TracerGuard
from pgqueuer.domain.errors import DuplicateJobError
from pgqueuer.domain.settings import DBSettings
from pgqueuer.domain.types import (
    DedupeKeys,
    Delays,
    Entrypoints,
    HeaderSets,
    JobId,
    OnConflict,
    Payloads,
    Priorities,
)

_CLASHING_KEY = re.compile(r"\(dedupe_key\)=\((.*)\) ", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnqueueCall:
    """A checked call.

    Run `statement` with `args` inside `duplicates_named`, and give the rows to `read`.
    """

    statement: str
    params: NormedEnqueueParam
    on_conflict: OnConflict

    @property
    def args(self) -> tuple[object, ...]:
        """The columns, in the order of the statement's parameters."""
        given = self.params
        columns = (
            given.priority,
            given.entrypoint,
            given.payload,
            given.execute_after,
            given.headers,
        )
        return columns if self.statement == "enqueue" else (*columns, given.dedupe_key)

    def read(self, rows: Sequence[dict[str, object]]) -> list[JobId | None]:
        """Ids in input order, None for a job that was skipped.

        Raises DuplicateJobError when the statement found active holders of the keys.
        """
        if self.on_conflict != "raise":
            return scatter_ids_by_ordinal(rows, len(self.params))
        clashes = [str(row["clash"]) for row in rows if row.get("clash") is not None]
        if clashes:
            raise DuplicateJobError(clashes)
        return [JobId(job_id) for row in rows if isinstance(job_id := row["id"], int)]

    def duplicates_named(self) -> AbstractContextManager[None]:
        """Send the statement inside it; see `duplicates_named`."""
        return duplicates_named([key for key in self.params.dedupe_key if key is not None])


@contextmanager
def duplicates_named(keys: Sequence[str | None]) -> Iterator[None]:
    """Turn the refusal of a dedupe key, one of `keys`, into a DuplicateJobError."""
    try:
        yield
    except Exception as error:
        duplicate = _duplicate_of(error, keys)
        if duplicate is None:
            raise
        raise duplicate from error


def _duplicate_of(exc: BaseException, keys: Sequence[str | None]) -> DuplicateJobError | None:
    """The error to raise instead of `exc` where an active job holds one of `keys`; else None."""
    if not is_unique_violation(exc):
        return None
    constraint = constraint_of(exc)
    if constraint is not None and not constraint.endswith("_unique_dedupe_key"):
        return None
    match = _CLASHING_KEY.search(detail_of(exc) or "")
    return DuplicateJobError([match[1]] if match else keys)


def plan_enqueue(
    settings: DBSettings,
    tracer: TracerGuard,
    entrypoint: Entrypoints,
    payload: Payloads,
    priority: Priorities,
    execute_after: Delays,
    dedupe_key: DedupeKeys,
    headers: HeaderSets,
    on_conflict: OnConflict,
) -> EnqueueCall:
    """Check the arguments of `enqueue` and choose the statement; see `normalize_enqueue_params`."""
    check_on_conflict(on_conflict)
    params = normalize_enqueue_params(
        entrypoint,
        payload,
        priority,
        execute_after,
        dedupe_key,
        headers,
        max_payload_bytes=settings.max_payload_bytes,
    )
    reject_repeated_dedupe_keys(params.dedupe_key, on_conflict)
    params = _with_tracing(params, tracer)
    deduped = any(key is not None for key in params.dedupe_key)
    if not deduped:
        return EnqueueCall(statement="enqueue", params=params, on_conflict="raise")
    statement = {"raise": "enqueue_dedupe", "skip": "enqueue_skip"}.get(
        on_conflict, "enqueue_update_priority"
    )
    return EnqueueCall(statement=statement, params=params, on_conflict=on_conflict)


def _with_tracing(params: NormedEnqueueParam, tracer: TracerGuard) -> NormedEnqueueParam:
    traced = tracer.publish(params.entrypoint) if len(params) else None
    if traced is None:
        return params
    try:
        return merge_tracing_headers(params, traced)
    except (TypeError, ValueError) as error:
        tracer.report("publish", error)
        return params
