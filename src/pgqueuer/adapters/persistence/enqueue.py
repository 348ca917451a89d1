"""One call of `enqueue`: its arguments checked, and the statement chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from pgqueuer.adapters.persistence.calls import Call, Rows
from pgqueuer.adapters.persistence.query_helpers import (
    JobTypes,
    NormedEnqueueParam,
    cell,
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

    params: NormedEnqueueParam
    on_conflict: OnConflict

    @property
    def call(self) -> Call[list[JobId | None]]:
        """What to send."""
        if not self.params.has_dedupe_keys:
            return self._plain
        columns = (*self.params.columns, self.params.dedupe_key)
        return Call(
            statement=_DEDUPING[self.on_conflict],
            args=columns,
            read=self._read,
            dedupe_keys=[key for key in self.params.dedupe_key if key is not None],
        )

    @property
    def _plain(self) -> Call[list[JobId | None]]:
        given = self.params
        if not given:
            return Call(statement=None, read=lambda rows: [])
        first = (given.priority[0], given.entrypoint[0], given.payload[0])
        if len(given) == 1:
            rest = (given.execute_after[0], given.headers[0])
            return Call(statement="enqueue_one", args=(*first, *rest), read=_read_id)
        if given.differ_in_payload_only:
            args = (*first[:2], given.payload)
            return Call(statement="enqueue_alike", args=args, read=_read_ids)
        return Call(statement="enqueue", args=given.columns, read=_read_ids)

    def _read(self, rows: Rows) -> list[JobId | None]:
        """Ids in input order, None for a job that was skipped.

        Raises DuplicateJobError when the statement found active holders of the keys.
        """
        if self.on_conflict != "raise":
            return scatter_ids_by_ordinal(rows, len(self.params))
        clashes = [str(row["clash"]) for row in rows if row.get("clash") is not None]
        if clashes:
            raise DuplicateJobError(clashes)
        return [JobId(job_id) for row in rows if isinstance(job_id := row["id"], int)]


_DEDUPING: Final[Mapping[OnConflict, str]] = MappingProxyType(
    {
        "raise": "enqueue_dedupe",
        "skip": "enqueue_skip",
        "update_priority": "enqueue_update_priority",
    }
)


def _read_id(rows: Rows) -> list[JobId | None]:
    job_id = cell(rows, "id")
    return [JobId(job_id)] if isinstance(job_id, int) else []


def _read_ids(rows: Rows) -> list[JobId | None]:
    """The ids ascend in input order."""
    ids = cell(rows, "ids")
    return sorted(ids) if isinstance(ids, list) else []


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
    """Check the arguments of `enqueue`; see `normalize_enqueue_params`."""
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
    if params.has_dedupe_keys:
        reject_repeated_dedupe_keys(params.dedupe_key, on_conflict)
    params = _with_tracing(params, tracer)
    if not params.has_dedupe_keys:
        on_conflict = "raise"
    return EnqueueCall(params=params, on_conflict=on_conflict)


def _with_tracing(params: NormedEnqueueParam, tracer: TracerGuard) -> NormedEnqueueParam:
    traced = tracer.publish(params.entrypoint, headers_text) if len(params) else None
    return params if traced is None else merge_tracing_headers(params, traced)
