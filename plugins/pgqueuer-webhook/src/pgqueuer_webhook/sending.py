"""One attempt to post a message, and when to try again."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import httpx

from pgqueuer_webhook.message import Message
from pgqueuer_webhook.signing import Keys

FIRST_DELAY: Final = 1.0
LONGEST_DELAY: Final = 300.0
LONGEST_RETRY_AFTER: Final = 3600.0
ANSWER_BYTES: Final = 2000
"""So much of an answer is read; nobody can fill the memory of a worker with more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How an attempt ended; without a status when there was no answer at all."""

    reason: str
    status: int | None = None
    retry_after: float = 0.0
    text: str = ""

    @property
    def accepted(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def refused(self) -> bool:
        """Whether the same message would be refused again."""
        return (
            self.status is not None and 400 <= self.status < 500 and self.status not in (408, 429)
        )


async def post(
    client: httpx.AsyncClient, url: str, message: Message, *, keys: Keys, timeout: float
) -> Answer:
    """Post once. `timeout` is for all of it, from connecting to the end of the answer.

    Failures of the endpoint and of the way to it are answers, not exceptions.
    """
    headers = message.headers(keys) | {"accept-encoding": "identity"}
    try:
        async with asyncio.timeout(timeout):
            async with client.stream("POST", url, content=message.body, headers=headers) as got:
                return Answer(
                    reason=f"{got.status_code} {got.reason_phrase}".rstrip(),
                    status=got.status_code,
                    retry_after=seconds_of(got.headers.get("retry-after")),
                    text=await _beginning(got),
                )
    except TimeoutError:
        return Answer(reason=f"no answer within {timeout:g} s")
    except httpx.HTTPError as error:
        return Answer(reason=f"{type(error).__name__}: {error}")


async def _beginning(response: httpx.Response) -> str:
    beginning = b""
    async for part in response.aiter_raw(ANSWER_BYTES):
        beginning += part
        if len(beginning) >= ANSWER_BYTES:
            break
    return beginning[:ANSWER_BYTES].decode(errors="replace")


def seconds_of(retry_after: str | None) -> float:
    """The seconds that a header Retry-After asks for, up to an hour; 0 for none or nonsense."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        wait = float(text)
    else:
        try:
            at = parsedate_to_datetime(text)
        except ValueError:
            return 0.0
        wait = (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return min(max(wait, 0.0), LONGEST_RETRY_AFTER)


def delay_after(failures: int) -> float:
    """How long to wait after so many failures in a row: doubling, and never quite the same."""
    return min(FIRST_DELAY * 2.0 ** min(failures - 1, 20), LONGEST_DELAY) * random.uniform(0.5, 1)  # noqa: S311
