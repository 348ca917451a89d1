"""The MCP server as a real client meets it, over standard input and output."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

from pgqueuer.adapters.mcp.server import PgQueuerDatabase, create_mcp_server
from pgqueuer.db import AsyncpgDriver
from pgqueuer.domain.models import CronExpressionEntrypoint, TracebackRecord
from pgqueuer.domain.settings import DBSettings
from pgqueuer.domain.types import CronEntrypoint, CronExpression
from pgqueuer.queries import Queries
from tests.support.cli import environment
from tests.support.sample_queue import pick

READING = {
    "queue_size",
    "queue_table_info",
    "queue_stats",
    "throughput_summary",
    "failed_jobs",
    "queue_log",
    "schedules",
    "stale_jobs",
    "active_workers",
    "paused_entrypoints",
    "queue_age",
    "schema_info",
}
WRITING = {
    "requeue_jobs",
    "cancel_jobs",
    "pause_entrypoint",
    "resume_entrypoint",
    "pause_schedule",
    "resume_schedule",
    "run_schedule_now",
}
TICK = CronExpressionEntrypoint(CronEntrypoint("tick"), CronExpression("0 3 * * *"))


class Agent:
    """A client of the server; releases of the SDK name the fields of answers differently."""

    def __init__(self, session: ClientSession) -> None:
        self.session = session

    async def call(self, tool: str, **arguments: object) -> Any:
        """What a tool answers; raises ValueError with its text if that is an error."""
        answer = (await self.session.call_tool(tool, arguments)).model_dump(by_alias=True)
        texts = [part["text"] for part in answer["content"]]
        if answer["isError"]:
            raise ValueError(*texts)
        structured = answer.get("structuredContent")
        return structured["result"] if structured else [json.loads(text) for text in texts]

    async def tools(self) -> Mapping[str, Mapping[str, Any]]:
        """The listed tools by name."""
        listed = (await self.session.list_tools()).model_dump(by_alias=True)
        return {tool["name"]: tool for tool in listed["tools"]}


@asynccontextmanager
async def agent(dsn: str, *flags: str) -> AsyncIterator[Agent]:
    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-m", "pgqueuer.adapters.mcp", *flags],
        env=environment(dsn, None),
    )
    async with (
        stdio_client(parameters) as (reading, writing),
        ClientSession(reading, writing) as session,
    ):
        await session.initialize()
        yield Agent(session)


@pytest.fixture
async def queries(queue_dsn: str) -> AsyncIterator[Queries]:
    connection = await asyncpg.connect(queue_dsn)
    yield Queries(AsyncpgDriver(connection))
    await connection.close()


async def test_by_default_there_are_only_tools_that_look(queue_dsn: str) -> None:
    async with agent(queue_dsn) as client:
        tools = await client.tools()
        prompts = (await client.session.list_prompts()).prompts
        guide = await client.session.get_prompt("pgqueuer_guide")

    assert set(tools) == READING
    assert all(tool["annotations"]["readOnlyHint"] for tool in tools.values())
    assert all(tool["description"] for tool in tools.values())
    limit = tools["queue_table_info"]["inputSchema"]["properties"]["limit"]
    assert (limit["type"], limit["default"]) == ("integer", 100)
    assert [prompt.name for prompt in prompts] == ["pgqueuer_guide"]
    assert "queue_age" in str(guide.messages[0].content)


async def test_reports_tell_what_is_in_the_queue(queue_dsn: str, queries: Queries) -> None:
    text, binary = await queries.enqueue(["mail", "mail"], [b'{"to": "Ann"}', b"\xff"], [0, 0])
    (failing,) = await queries.enqueue("bill", None, headers={"tenant": "shop"})
    (job,) = await pick(queries, 1, ["bill"])
    error = TracebackRecord.from_exception(ValueError("no money"), job.id)
    await queries.log_jobs([(job, "exception", error)])
    await queries.insert_schedule({TICK: timedelta(hours=1)})

    async with agent(queue_dsn) as client:
        answers = {tool: await client.call(tool) for tool in sorted(READING)}
        first_page = await client.call("queue_table_info", limit=1)
        second_page = await client.call("queue_table_info", limit=1, offset=1)
        lately = await client.call("throughput_summary", period="PT1H")

    assert answers["queue_size"] == [
        {"count": 2, "entrypoint": "mail", "priority": 0, "status": "queued"}
    ]
    assert [row["payload"] for row in answers["queue_table_info"]] == ["0xff", '{"to": "Ann"}']
    assert [row["id"] for row in first_page + second_page] == [binary, text]
    assert answers["failed_jobs"][0]["traceback"]["exception_message"] == "no money"
    assert answers["failed_jobs"][0]["job_id"] == failing
    assert next(row["job_id"] for row in answers["queue_log"]) == failing
    assert lately == answers["throughput_summary"]
    assert {(row["entrypoint"], row["status"], row["total_count"]) for row in lately} == {
        ("mail", "queued", 2),
        ("bill", "queued", 1),
        ("bill", "picked", 1),
        ("bill", "exception", 1),
    }
    assert answers["schedules"][0]["expression"] == "0 3 * * *"
    assert isinstance(answers["queue_age"][0]["oldest_age_seconds"], float)
    assert answers["active_workers"] == answers["stale_jobs"] == []
    assert len(answers["schema_info"]) == 5
    assert answers["queue_stats"]


@pytest.mark.parametrize(
    ("tool", "arguments", "text"),
    [
        ("stale_jobs", {"threshold": "5 minutes"}, "ISO 8601"),
        ("stale_jobs", {"threshold": "PT0S"}, "ISO 8601"),
        ("queue_stats", {"period": "P1M"}, "ISO 8601"),
        ("queue_log", {"limit": 0}, "limit"),
        ("queue_table_info", {"offset": -1}, "offset"),
        ("queue_table_info", {"limit": "many"}, "limit"),
    ],
)
async def test_arguments_that_make_no_sense_are_refused(
    queue_dsn: str, tool: str, arguments: dict[str, object], text: str
) -> None:
    async with agent(queue_dsn) as client:
        with pytest.raises(ValueError, match=text):
            await client.call(tool, **arguments)


async def test_with_write_it_can_change_things(queue_dsn: str, queries: Queries) -> None:
    canceled, held = await queries.enqueue(["mail", "bill"], [None, None], [0, 0])
    (job,) = await pick(queries, 1, ["bill"])
    await queries.log_jobs([(job, "failed", None)])
    await queries.insert_schedule({TICK: timedelta(hours=1)})

    async with agent(queue_dsn, "--write") as client:
        assert set(await client.tools()) == READING | WRITING
        assert "1 of 1" in str(await client.call("cancel_jobs", ids=[canceled]))
        assert "1 of 2" in str(await client.call("requeue_jobs", ids=[held, 10**9]))
        assert "is paused" in str(await client.call("pause_entrypoint", entrypoint="bill"))
        again = await client.call("pause_entrypoint", entrypoint="bill", reason="it is down")
        assert "was already paused" in str(again)
        (paused,) = await client.call("paused_entrypoints")
        assert (paused["entrypoint"], paused["reason"]) == ("bill", "it is down")
        assert "goes on" in str(await client.call("resume_entrypoint", entrypoint="bill"))
        assert "was not paused" in str(await client.call("resume_entrypoint", entrypoint="bill"))
        await client.call("pause_schedule", entrypoint="tick")
        assert (await queries.peek_schedule())[0].paused
        await client.call("resume_schedule", entrypoint="tick")
        await client.call("run_schedule_now", entrypoint="tick")
        with pytest.raises(ValueError, match="Known: tick"):
            await client.call("pause_schedule", entrypoint="tock")

    (schedule,) = await queries.peek_schedule()
    assert (schedule.paused, schedule.next_run <= await queries.database_time()) == (False, True)
    assert [(job.id, job.status) for job in await queries.browse_queue()] == [(held, "queued")]


async def test_without_write_nothing_can_be_changed(queue_dsn: str, queries: Queries) -> None:
    (job_id,) = await queries.enqueue("mail", None)
    async with agent(queue_dsn) as client:
        with pytest.raises(Exception, match="cancel_jobs"):
            await client.call("cancel_jobs", ids=[job_id])

    assert len(await queries.browse_queue()) == 1


async def test_the_settings_reach_the_database(dsn: str) -> None:
    settings = DBSettings(prefix="other_")
    async with asyncpg.create_pool(dsn, min_size=1, max_size=2) as pool:
        database = PgQueuerDatabase(pool, settings)
        await database.queries.install()
        await database.queries.enqueue("mail", None)

        (size,) = await database.insights.queue_size()
        rows = await database.fetch("SELECT count(*) AS jobs FROM other_pgqueuer")

    assert (size.count, rows) == (1, [{"jobs": 1}])
    assert database.qbq.settings == settings
    assert create_mcp_server(dsn, settings).name == "pgqueuer"
