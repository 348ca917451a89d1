from __future__ import annotations

import re
import signal

import httpx
import pytest

from tests.support.cli import Running, pgq, pgq_running


def address_of(server: Running) -> str:
    found = re.search(r"http://\S+:\d+", server.wait_for("The web page is at"))
    assert found is not None
    return found[0]


@pytest.mark.parametrize("driver", [(), ("--driver", "psycopg")], ids=["default", "psycopg"])
def test_web_serves_the_page_until_it_is_told_to_stop(
    queue_dsn: str, driver: tuple[str, ...]
) -> None:
    with pgq_running(*driver, "web", "--port", "0", dsn=queue_dsn) as server:
        address = address_of(server)
        with httpx.stream("GET", f"{address}/events", timeout=30) as events:
            assert next(events.iter_lines()) == "retry: 3000"
            assert httpx.get(f"{address}/healthz").json() == {"status": "ok"}
            assert "Overview" in httpx.get(address, timeout=30).text

            server.signal(signal.SIGINT)

            assert server.wait() in {0, 130}
            assert "Traceback" not in server.output


def test_web_says_that_a_port_is_taken(queue_dsn: str) -> None:
    with pgq_running("web", "--port", "0", dsn=queue_dsn) as server:
        port = address_of(server).rpartition(":")[2]

        second = pgq("web", "--port", port, dsn=queue_dsn)

    assert second.code == 1
    assert len(second.stderr.splitlines()) == 2  # the other tells that no password is asked for
    assert f"127.0.0.1:{port}" in second.stderr


def test_web_without_a_database_says_so() -> None:
    outcome = pgq("web", "--port", "0", dsn="postgresql://nobody@127.0.0.1:1/none")

    assert outcome.code == 1
    assert len(outcome.stderr.splitlines()) == 1
