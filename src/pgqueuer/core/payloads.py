"""Values as payloads and back: JSON by pydantic, or by msgspec for its own types."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, is_dataclass
from functools import lru_cache
from typing import Any, TypeAlias, get_args, get_origin

from pydantic import BaseModel, ValidationError

from pgqueuer.domain.errors import InvalidPayloadError
from pgqueuer.domain.job_type import JobType

Dump: TypeAlias = Callable[[Any], bytes]
Load: TypeAlias = Callable[[bytes | None], object]

SHOWN_PROBLEMS = 5
SHOWN_CHARACTERS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Codec:
    """Writes and reads the payloads of one type."""

    payload_type: Any
    dump: Dump
    load: Load

    def encode(self, value: object) -> bytes:
        """Raises TypeError for a value that is not of the type, or can not be written."""
        model = get_origin(self.payload_type) or self.payload_type
        # Of other types the serializer sees what is wrong.
        if (model is bytes or is_model_type(model)) and not isinstance(value, model):
            raise TypeError(
                f"payload must be {type_name(self.payload_type)}, got {type(value).__name__}"
            )
        try:
            return self.dump(value)
        except Exception as error:  # foreign serializers
            raise TypeError(
                f"payload of type {type_name(self.payload_type)} can not be written as JSON: "
                f"{type(error).__name__}: {error}"
            ) from error

    def decode(self, payload: bytes | None) -> object:
        """Read a payload; None counts as JSON null.

        Raises InvalidPayloadError, whatever the types and validators of the program do.
        """
        try:
            return self.load(payload)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # foreign validators
            told = _told(error)
            name = type_name(self.payload_type)
            reason = told or f"reading it raised {type(error).__name__}"
            invalid = InvalidPayloadError(
                f"The job has no payload; its handler takes {name}"
                if payload is None
                else f"The payload is no valid {name}: {reason}"
            )
            # The text of an exception that we know shows parts of the payload.
            raise invalid from (None if told else error)


def _told(error: BaseException) -> str | None:
    """What a validation error says without the payload; None for other exceptions."""
    if isinstance(error, ValidationError):
        return _problems(error)
    if type(error).__module__.partition(".")[0] == "msgspec":
        return _one_line(str(error))
    return None


def _problems(error: ValidationError) -> str:
    try:
        found = error.errors(include_url=False, include_context=False, include_input=False)
    except Exception:  # the text of a foreign exception can not be made
        return f"{error.error_count()} problems"
    shown = [
        _one_line(": ".join(filter(None, [".".join(map(str, one["loc"])), one["msg"]])))
        for one in found[:SHOWN_PROBLEMS]
    ]
    more = len(found) - len(shown)
    return "; ".join([*shown, f"and {more} more"] if more else shown)


def _one_line(text: str) -> str:
    short = text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in short)


def type_name(payload_type: object) -> str:
    """A type as the program writes it."""
    if isinstance(payload_type, type) and get_origin(payload_type) is None:
        return payload_type.__name__
    return str(payload_type)


def is_model_type(candidate: object) -> bool:
    """Whether values of this type say themselves how they are written as JSON."""
    model = get_origin(candidate) or candidate
    return isinstance(model, type) and (
        issubclass(model, BaseModel) or is_dataclass(model) or _is_struct(model)
    )


def _is_struct(model: type) -> bool:
    # Who has a Struct has imported msgspec.
    msgspec = sys.modules.get("msgspec")
    return msgspec is not None and issubclass(model, msgspec.Struct)


def _has_struct(payload_type: object) -> bool:
    if isinstance(payload_type, type) and _is_struct(payload_type):
        return True
    parts = (get_origin(payload_type), *get_args(payload_type))
    return any(part is not None and _has_struct(part) for part in parts)


def encode_payload(value: object, job_type: JobType[Any] | None = None) -> bytes:
    """The bytes of a model, or of what `job_type` says; raises TypeError for anything else."""
    if job_type is not None:
        return codec_of(job_type.payload_type).encode(value)
    if not is_model_type(type(value)):
        raise TypeError(
            "payload must be bytes, a pydantic model, a dataclass, a msgspec Struct or None, "
            f"got {type(value).__name__}; encode it first"
        )
    return codec_of(type(value)).encode(value)


def codec_of(payload_type: Any) -> Codec:
    """As `make_codec`; made once for each type."""
    return _kept_codec(payload_type)


@lru_cache(maxsize=512)
def _kept_codec(payload_type: Any) -> Codec:
    return make_codec(payload_type)


def make_codec(payload_type: Any) -> Codec:
    """The codec of a type; raises TypeError for a type that JSON has no form for."""
    if payload_type is bytes:
        return Codec(payload_type=bytes, dump=bytes, load=_raw)
    try:
        make = _by_msgspec if _has_struct(payload_type) else _by_pydantic
        return make(payload_type)
    except Exception as error:  # foreign schemas
        raise TypeError(
            f"{type_name(payload_type)} can not be the type of a payload: {error}"
        ) from error


def _raw(payload: bytes | None) -> bytes:
    if payload is None:
        raise ValueError("no payload")
    return payload


def _by_msgspec(payload_type: Any) -> Codec:
    json: Any = sys.modules["msgspec"].json
    decode = json.Decoder(payload_type).decode
    return Codec(
        payload_type=payload_type,
        dump=json.encode,
        load=lambda payload: decode(b"null" if payload is None else payload),
    )


def _by_pydantic(payload_type: Any) -> Codec:
    from pydantic import TypeAdapter  # noqa: PLC0415

    adapter = TypeAdapter[object](payload_type)
    with suppress(ValidationError):
        # A type that names one that is not defined yet shows itself when it is used.
        adapter.validate_json(b"")
    read = adapter.validate_json
    return Codec(
        payload_type=payload_type,
        # Computed fields left out, and names as the validator wants them.
        dump=lambda value: adapter.dump_json(
            value, by_alias=True, round_trip=True, warnings="error"
        ),
        load=lambda payload: read(b"null" if payload is None else payload),
    )
