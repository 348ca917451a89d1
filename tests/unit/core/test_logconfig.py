from __future__ import annotations

import logging
import re
from collections.abc import Iterator

import pytest

from pgqueuer.core.logconfig import LogLevel, MaxLevelFilter, logger, setup_fancy_logger


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    handlers, level = logger.handlers[:], logger.level
    yield
    logger.handlers[:] = handlers
    logger.setLevel(level)


def test_the_library_is_silent_until_told_otherwise() -> None:
    assert logger.name == "pgqueuer"
    assert any(isinstance(handler, logging.NullHandler) for handler in logger.handlers)


def test_levels_go_to_their_streams(capsys: pytest.CaptureFixture[str]) -> None:
    setup_fancy_logger(LogLevel.INFO)
    logger.debug("a detail")
    logger.info("some news")
    logger.warning("a problem")
    out, err = capsys.readouterr()
    time = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00"
    assert re.fullmatch(rf"{time} \[pgqueuer\] INFO: some news\n", out)
    assert re.fullmatch(rf"{time} \[pgqueuer\] WARNING: a problem\n", err)


def test_set_up_twice_prints_once_and_takes_the_last_level(
    capsys: pytest.CaptureFixture[str],
) -> None:
    setup_fancy_logger(LogLevel.ERROR)
    setup_fancy_logger(LogLevel.DEBUG)
    logger.debug("a detail")
    assert capsys.readouterr().out.count("a detail") == 1


def test_the_filter_is_inclusive() -> None:
    def passes(level: int) -> bool:
        record = logging.LogRecord("n", level, "p", 1, "m", None, None)
        return MaxLevelFilter(logging.INFO).filter(record)

    assert [passes(level) for level in (logging.DEBUG, logging.INFO, logging.WARNING)] == [
        True,
        True,
        False,
    ]


def test_levels_have_their_names() -> None:
    assert [level.value for level in LogLevel] == [
        "DEBUG",
        "INFO",
        "WARNING",
        "ERROR",
        "CRITICAL",
    ]
