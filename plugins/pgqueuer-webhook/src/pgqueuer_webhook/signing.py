"""Signatures as Standard Webhooks describes them: HMAC-SHA256 of the id, the time and the body."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from typing import Final, TypeAlias

Keys: TypeAlias = tuple[bytes, ...]

PREFIX: Final = "whsec_"
SHORTEST: Final = 24


def make_secret() -> str:
    """A new secret, as users write it down."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def read_keys(text: str) -> Keys:
    """The keys in `text`: one secret, or several with spaces between them while they change.

    Raises ValueError, which never shows the secret.
    """
    keys = tuple(_read_key(part) for part in text.split())
    if not keys:
        raise ValueError("is empty; make one with `pgq webhook secret`")
    return keys


def _read_key(text: str) -> bytes:
    fault = (
        f"must be {PREFIX} and at least {SHORTEST} bytes in base64; "
        "make one with `pgq webhook secret`"
    )
    if not text.startswith(PREFIX):
        raise ValueError(fault)
    try:
        key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise ValueError(fault) from None
    if len(key) < SHORTEST:
        raise ValueError(fault)
    return key


def sign(keys: Keys, message_id: str, timestamp: int, body: bytes) -> str:
    """The header `webhook-signature`: a signature for each key, with spaces between them."""
    return " ".join("v1," + _digest(key, message_id, timestamp, body) for key in keys)


def is_signed(keys: Keys, message_id: str, timestamp: int, body: bytes, signature: str) -> bool:
    """Whether one of the signatures in the header is by one of `keys`; told in constant time."""
    wanted = [_digest(key, message_id, timestamp, body).encode() for key in keys]
    given = [part.removeprefix("v1,") for part in signature.split() if part.startswith("v1,")]
    matches = [
        hmac.compare_digest(one.encode(errors="replace"), other)
        for one in given
        for other in wanted
    ]
    return any(matches)


def _digest(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    signed = f"{message_id}.{timestamp}.".encode() + body
    return base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
