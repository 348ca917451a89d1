"""What an error of the database means, told from its SQLSTATE whatever the driver.

The codes are those of appendix A of the PostgreSQL documentation.
"""

from __future__ import annotations

from pgqueuer.ports.driver import ConstraintNamed, DiagnosticError, SqlStateError

UNIQUE_VIOLATION = "23505"
DEADLOCK_DETECTED = "40P01"
INVALID_PARAMETER_VALUE = "22023"
REFUSALS = frozenset({"0A", "22", "23", "40", "42", "44", "54", "P0"})
"""Classes of errors after which a server goes on, and nothing of the statement is left."""


def code_of(exc: BaseException) -> str | None:
    """The SQLSTATE of `exc`, which psycopg2 calls `pgcode`; None when it has none."""
    code = exc.sqlstate if isinstance(exc, SqlStateError) else getattr(exc, "pgcode", None)
    return code if isinstance(code, str) else None


def constraint_of(exc: BaseException) -> str | None:
    """The name of the violated constraint or unique index; None when it is not told."""
    if isinstance(exc, ConstraintNamed):
        return exc.constraint_name
    return exc.diag.constraint_name if isinstance(exc, DiagnosticError) else None


def detail_of(exc: BaseException) -> str | None:
    """The DETAIL line of the error; None when it is not told."""
    source = exc.diag if isinstance(exc, DiagnosticError) else exc
    detail = getattr(source, "message_detail", None) or getattr(source, "detail", None)
    return detail if isinstance(detail, str) else None


def is_unique_violation(exc: BaseException) -> bool:
    """Whether a unique index refused a row."""
    return code_of(exc) == UNIQUE_VIOLATION


def is_deadlock_detected(exc: BaseException) -> bool:
    """Whether the server ended the statement to resolve a deadlock."""
    return code_of(exc) == DEADLOCK_DETECTED


def is_invalid_parameter(exc: BaseException) -> bool:
    """Whether a function refused a value that it was called with."""
    return code_of(exc) == INVALID_PARAMETER_VALUE


def is_refusal(exc: BaseException) -> bool:
    """Whether the server rolled a statement back for what it was; not so where it was lost."""
    state = code_of(exc)
    return state is not None and state[:2] in REFUSALS
