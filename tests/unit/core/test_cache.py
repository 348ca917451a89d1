from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from pgqueuer.core.cache import UNSET, TTLCache

HOUR = timedelta(hours=1)


class Source:
    def __init__(self) -> None:
        self.calls = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: Exception | None = None

    async def __call__(self) -> int:
        self.calls += 1
        call = self.calls
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return call


async def test_a_fresh_value_is_not_fetched_again() -> None:
    source = Source()
    cache = TTLCache.create(HOUR, source)
    assert cache.value is UNSET
    assert [await cache(), await cache()] == [1, 1]


async def test_an_old_value_is_fetched_again() -> None:
    cache = TTLCache(timedelta(0), Source())
    assert [await cache(), await cache()] == [1, 2]


async def test_callers_share_one_fetch() -> None:
    source = Source()
    source.gate.clear()
    cache = TTLCache(HOUR, source)
    callers = [asyncio.create_task(cache()) for _ in range(10)]
    await asyncio.sleep(0)
    source.gate.set()
    assert await asyncio.gather(*callers) == [1] * 10


async def test_an_error_reaches_every_caller_and_is_not_kept() -> None:
    source = Source()
    source.error = LookupError("away")
    cache = TTLCache(HOUR, source)
    outcomes = await asyncio.gather(cache(), cache(), return_exceptions=True)
    assert outcomes == [source.error, source.error]
    assert source.calls == 1
    source.error = None
    assert await cache() == 2


async def test_a_canceled_caller_leaves_the_fetch_to_the_others() -> None:
    source = Source()
    source.gate.clear()
    cache = TTLCache(HOUR, source)
    first, second = asyncio.create_task(cache()), asyncio.create_task(cache())
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    source.gate.set()
    assert await second == 1
    with pytest.raises(asyncio.CancelledError):
        await first
