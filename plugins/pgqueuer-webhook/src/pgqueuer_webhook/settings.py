"""What the user wants posted, and where."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, HttpUrl, ValidationError

from pgqueuer_webhook.signing import Keys, read_keys

VARIABLE: Final = "PGQUEUER_WEBHOOK_"
OPTION: Final = "webhook-"

Outcome: TypeAlias = Literal["failed", "held", "parked", "canceled"]
"""`failed` left the queue, `held` waits in it for a decision, `parked` never got to its handler."""


class SettingsError(ValueError):
    """A setting is missing or wrong; the message names it, never the value."""


def _parts(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _keys(value: object) -> object:
    return read_keys(value) if isinstance(value, str) else value


class Settings(BaseModel):
    """Settings of the service; times in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    url: HttpUrl = Field(repr=False)
    secret: Annotated[Keys, BeforeValidator(_keys)] = Field(repr=False)
    name: str = Field(default="default", min_length=1, max_length=200)
    outcomes: Annotated[tuple[Outcome, ...], BeforeValidator(_parts)] = Field(
        default=("failed", "held", "parked"), min_length=1
    )
    entrypoints: Annotated[tuple[str, ...], BeforeValidator(_parts)] = ()
    batch: int = Field(default=100, ge=1, le=1000)
    interval: float = Field(default=5, ge=0.05, le=3600)
    # Shorter than the lease, which is renewed between attempts.
    timeout: float = Field(default=10, gt=0, le=30)
    max_age: float = Field(default=86400, gt=0, le=30 * 86400)
    # The worker waits ten seconds for a service to end.
    drain: float = Field(default=5, ge=0, le=8)
    payload: bool = False
    traceback: bool = False

    @property
    def place(self) -> str:
        """The URL as far as a log may show it: paths and users of webhooks are often secrets."""
        port = f":{self.url.port}" if self.url.port else ""
        return f"{self.url.scheme}://{self.url.host}{port}"


def read_settings(environment: Mapping[str, str], options: Mapping[str, str]) -> Settings:
    """Settings from options such as `webhook-url`, else from PGQUEUER_WEBHOOK_URL and the like.

    Empty variables count as unset. Raises SettingsError.
    """
    given: dict[str, str] = {}
    for field in Settings.model_fields:
        variable = environment.get(VARIABLE + field.upper(), "")
        value = options.get(OPTION + field.replace("_", "-"), variable)
        if value:
            given[field] = value
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        faults = [
            f"{VARIABLE}{str(fault['loc'][0]).upper()}: {fault['msg']}"
            for fault in error.errors(include_input=False, include_url=False)
        ]
        # Without its cause, which may show more than is good for a log.
        raise SettingsError("; ".join(faults)) from None
