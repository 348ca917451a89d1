"""One call of `enqueue`: its arguments checked, and the statement chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pgqueuer.adapters.persistence.calls import Call
from pgqueuer.adapters.persistence.query_helpers import (
    JobTypes,
    NormedEnqueueParam,
    check_on_conflict,
    headers_text,
    merge_tracing_headers,
    normalize_enqueue_params,
    reject_repeated_dedupe_keys,
    scatter_ids_by_ordinal,
)
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
    Priorities,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnqueueCall:
    """A checked call: its columns, and what happens to a job whose key is taken."""

    statement: str
    params: NormedEnqueueParam
    on_conflict: OnConflict

    @property
    def call(self) -> Call[list[JobId | None]]:
        """What to send."""
        return Call(
            statement=self.statement if self.params else None,
            args=self._args,
            read=self._read,
            dedupe_keys=[key for key in self.params.dedupe_key if key is not None],
        )

    @property
    def _args(self) -> tuple[object, ...]:
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

    def _read(self, rows: Sequence[dict[str, object]]) -> list[JobId | None]:
        """Ids in input order, None for a job that was skipped.

        Raises DuplicateJobError when the statement found active holders of the keys.
        """
        if self.on_conflict != "raise":
            return scatter_ids_by_ordinal(rows, len(self.params))
        clashes = [str(row["clash"]) for row in rows if row.get("clash") is not None]
        if clashes:
            raise DuplicateJobError(clashes)
        return [JobId(job_id) for row in rows if isinstance(job_id := row["id"], int)]


def plan_enqueue(
    settings: DBSettings,
    tracer: TracerGuard,
    entrypoint: Entrypoints | JobTypes,
    payload: object,
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
    traced = tracer.publish(params.entrypoint, headers_text) if len(params) else None
    return params if traced is None else merge_tracing_headers(params, traced)
