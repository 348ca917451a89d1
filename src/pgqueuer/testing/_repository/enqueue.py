"""Enqueue: what is accepted, what comes back, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pgqueuer.domain.types import QueueEntrypoint
from pgqueuer.testing._repository.kit import (
    HOUR,
    OTHER,
    WORK,
    RepositoryKit,
    Store,
    claim,
    claim_one,
    history,
    worker,
)

TWO: dict[str, Any] = {"entrypoint": ["a", "b"], "payload": [b"1", b"2"]}
ONE: dict[str, Any] = {"entrypoint": "a", "payload": b"1"}
DAY = datetime(2030, 1, 1, tzinfo=UTC)

REFUSED: list[tuple[str, str, dict[str, Any]]] = [
    ("fewer payloads", "payload", TWO | {"payload": [b"1"]}),
    ("more payloads", "payload", ONE | {"payload": [b"1", b"2"]}),
    ("one payload beside a list", "payload", TWO | {"payload": b"1"}),
    ("no payload beside a list", "payload", TWO | {"payload": None}),
    ("fewer priorities", "priority", TWO | {"priority": [1]}),
    ("one priority beside a list", "priority", TWO | {"priority": 1}),
    ("fewer delays", "execute_after", TWO | {"execute_after": [HOUR]}),
    ("one delay beside a list", "execute_after", TWO | {"execute_after": HOUR}),
    ("fewer keys", "dedupe_key", TWO | {"dedupe_key": ["k"]}),
    ("one key beside a list", "dedupe_key", TWO | {"dedupe_key": "k"}),
    ("fewer headers", "headers", TWO | {"headers": [{}]}),
    ("one header beside a list", "headers", TWO | {"headers": {"a": 1}}),
    ("text as payload", "payload", ONE | {"payload": "text"}),
    ("number as payload", "payload", ONE | {"payload": 1}),
    ("one bad payload of two", "payload", TWO | {"payload": [b"1", "2"]}),
    ("too large a payload", "payload", ONE | {"payload": ...}),
    ("number as entrypoint", "entrypoint", ONE | {"entrypoint": 1}),
    ("None as entrypoint", "entrypoint", ONE | {"entrypoint": None}),
    ("empty entrypoint", "entrypoint", ONE | {"entrypoint": ""}),
    ("over-long entrypoint", "entrypoint", ONE | {"entrypoint": "x" * 10_000}),
    ("NUL in the entrypoint", "entrypoint", ONE | {"entrypoint": "a\0b"}),
    ("surrogate in the entrypoint", "entrypoint", ONE | {"entrypoint": "a\ud800"}),
    ("one bad entrypoint of two", "entrypoint", TWO | {"entrypoint": ["a", ""]}),
    ("fraction as priority", "priority", ONE | {"priority": 1.5}),
    ("whole fraction as priority", "priority", ONE | {"priority": 1.0}),
    ("truth as priority", "priority", ONE | {"priority": True}),
    ("text as priority", "priority", ONE | {"priority": "1"}),
    ("None as priority", "priority", ONE | {"priority": None}),
    ("priority beyond 32 bits", "priority", ONE | {"priority": 2**31}),
    ("seconds as delay", "execute_after", ONE | {"execute_after": 5}),
    ("time as delay", "execute_after", ONE | {"execute_after": DAY}),
    ("number as key", "dedupe_key", ONE | {"dedupe_key": 1}),
    ("NUL in the key", "dedupe_key", ONE | {"dedupe_key": "a\0"}),
    ("over-long key", "dedupe_key", ONE | {"dedupe_key": "x" * 10_000}),
    ("text as headers", "headers", ONE | {"headers": "{}"}),
    ("array as headers", "headers", ONE | {"headers": [[1]]}),
    ("number as name of a header", "headers", ONE | {"headers": {1: 2}}),
    ("object that JSON has not", "headers", ONE | {"headers": {"a": object()}}),
    ("NaN in the headers", "headers", ONE | {"headers": {"a": float("nan")}}),
    ("NUL in the headers", "headers", ONE | {"headers": {"a": ["\0"]}}),
    ("unknown on_conflict", "on_conflict", ONE | {"dedupe_key": "k", "on_conflict": "ignore"}),
    ("on_conflict without a key", "on_conflict", ONE | {"on_conflict": "ignore"}),
]


class EnqueueTests(RepositoryKit):
    async def test_a_scalar_call_makes_one_queued_job_with_defaults(
        self, repository: Store
    ) -> None:
        (job_id,) = await repository.enqueue(WORK, b"payload")

        assert [
            (row.entrypoint, row.priority, row.status) for row in await repository.queue_size()
        ] == [(WORK, 0, "queued")]
        job = await claim_one(repository, worker())
        assert (job.id, job.entrypoint, job.payload) == (job_id, WORK, b"payload")
        assert (job.priority, job.attempts, job.headers) == (0, 0, None)
        assert job.execute_after <= job.updated

    async def test_lists_give_ids_in_input_order(self, repository: Store) -> None:
        names = [OTHER, WORK] * 50
        payloads = [b"%d" % place for place in range(100)]

        ids = await repository.enqueue(names, list(payloads), list(range(100)))

        assert len(set(ids)) == 100
        assert [job_id for job_id in ids if job_id is None] == []
        jobs = {job.id: job for job in await claim(repository, worker(), 200, WORK, OTHER)}
        for place, job_id in enumerate(ids):
            assert job_id is not None
            job = jobs[job_id]
            assert (job.entrypoint, job.payload, job.priority) == (
                names[place],
                payloads[place],
                place,
            )

    async def test_no_entrypoints_make_no_jobs(self, repository: Store) -> None:
        assert await repository.enqueue([], [], []) == []
        assert await repository.queue_log() == []

    async def test_arguments_left_out_take_their_default_for_every_job(
        self, repository: Store
    ) -> None:
        await repository.enqueue([WORK, WORK, WORK], [None, b"", b"x"])

        jobs = await claim(repository, worker())

        assert [job.payload for job in jobs] == [None, b"", b"x"]
        assert {job.priority for job in jobs} == {0}
        assert [job.headers for job in jobs] == [None, None, None]

    async def test_each_job_of_a_list_has_its_own_delay(self, repository: Store) -> None:
        delays = [HOUR, None, -HOUR]
        ids = await repository.enqueue([WORK] * 3, [None] * 3, execute_after=delays)

        assert [job.id for job in await claim(repository, worker())] == ids[1:]

    @pytest.mark.parametrize("payload", [None, b"", bytes(range(256)), b"{}", b"\\x00"], ids=repr)
    async def test_a_payload_comes_back_as_it_was(
        self, repository: Store, payload: bytes | None
    ) -> None:
        await repository.enqueue(WORK, payload)

        assert (await claim_one(repository, worker())).payload == payload

    @pytest.mark.parametrize(
        "headers",
        [
            None,
            {},
            {"a": {"b": [1, 2.5, None, True, {"c": "d"}]}, "e": "f"},
            {"quotes": "\"'\\", "name": "Zoë ☃ 🐘", "escape": "\\u0041", "number": 2**53},
        ],
        ids=repr,
    )
    async def test_headers_come_back_as_they_were(
        self, repository: Store, headers: dict[str, object] | None
    ) -> None:
        await repository.enqueue(WORK, None, headers=headers)

        assert (await claim_one(repository, worker())).headers == headers

    async def test_each_job_of_a_list_has_its_own_headers(self, repository: Store) -> None:
        given: list[dict[str, object] | None] = [{"n": 1}, None, {"n": 3}]
        await repository.enqueue([WORK] * 3, [None] * 3, headers=given)

        assert [job.headers for job in await claim(repository, worker())] == given

    async def test_negative_priorities_and_unusual_names_are_kept(self, repository: Store) -> None:
        name = QueueEntrypoint("a 'quoted' \"näme\"; --")
        await repository.enqueue(name, None, priority=-(2**31))

        (job,) = await claim(repository, worker(), 1, name)

        assert (job.entrypoint, job.priority) == (name, -(2**31))

    async def test_every_job_is_logged_as_queued(self, repository: Store) -> None:
        ids = await repository.enqueue([WORK, OTHER], [None, None], [1, 2])

        log = await repository.queue_log()

        assert [(entry.job_id, entry.entrypoint, entry.priority) for entry in log] == [
            (ids[0], WORK, 1),
            (ids[1], OTHER, 2),
        ]
        assert [(entry.status, entry.traceback) for entry in log] == [("queued", None)] * 2

    async def test_a_negative_delay_is_due_at_once(self, repository: Store) -> None:
        (job_id,) = await repository.enqueue(WORK, None, execute_after=timedelta(days=-1))

        assert (await claim_one(repository, worker())).id == job_id
        assert job_id is not None
        assert await history(repository, job_id) == ["queued", "picked"]

    @pytest.mark.parametrize(
        ("argument", "arguments"),
        [pytest.param(argument, given, id=name) for name, argument, given in REFUSED],
    )
    async def test_bad_arguments_are_named_and_nothing_is_inserted(
        self, repository: Store, argument: str, arguments: dict[str, Any]
    ) -> None:
        if arguments["payload"] is ...:
            limit = repository.qbe.settings.max_payload_bytes
            arguments = arguments | {"payload": bytes(limit + 1)}

        with pytest.raises((ValueError, TypeError), match=argument):
            await repository.enqueue(**arguments)

        assert await repository.queue_size() == []
        assert await repository.queue_log() == []
