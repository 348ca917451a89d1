"""What a check says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Status: TypeAlias = Literal["ok", "warn", "fail", "skip"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One line of a check; `remedy` is what to do, for all but `ok`."""

    status: Status
    message: str
    remedy: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A verdict with the name of the check that it comes from."""

    check: str
    status: Status
    message: str
    remedy: str | None = None

    @classmethod
    def of(cls, check: str, verdict: Verdict) -> Finding:
        """The verdict of the check of that name."""
        return cls(
            check=check, status=verdict.status, message=verdict.message, remedy=verdict.remedy
        )


def ok(message: str) -> Verdict:
    """Nothing to do."""
    return Verdict(status="ok", message=message)


def warn(message: str, remedy: str) -> Verdict:
    """It works, but not well, or not for long."""
    return Verdict(status="warn", message=message, remedy=remedy)


def fail(message: str, remedy: str) -> Verdict:
    """Something does not work."""
    return Verdict(status="fail", message=message, remedy=remedy)


def skip(message: str) -> Verdict:
    """It could not be checked, or does not apply."""
    return Verdict(status="skip", message=message)
