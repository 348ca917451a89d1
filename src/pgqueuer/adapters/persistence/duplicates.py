"""The refusal of a dedupe key as an error that names the key."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pgqueuer.adapters.persistence.sqlstate import constraint_of, detail_of, is_unique_violation
from pgqueuer.domain.errors import DuplicateJobError

_CLASHING_KEY = re.compile(r"\(dedupe_key\)=\((.*)\) ", re.DOTALL)


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
