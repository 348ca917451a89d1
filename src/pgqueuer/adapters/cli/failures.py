"""Errors as one line on stderr that says what to do, without secrets."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import click

from pgqueuer.adapters.cli.options import AppConfig

INTERRUPTED = 130
"""What shells report for a command that Ctrl-C ended."""
CHECK_CONNECTION = "Check that PostgreSQL is up, and --pg-dsn, PGDSN or PGHOST"

_WORD_WITH_LOGIN = re.compile(r"(?<!\S)\S+@")
_BEFORE_PASSWORD = re.compile(r":(?!//)")
_KEYWORD_PASSWORD = re.compile(r"(password\s*=\s*)('(?:[^'\\]|\\.)*'|[^\s&'\"]+)", re.IGNORECASE)
_MISSING_OBJECT = frozenset({"3F000", "42P01", "42703", "42704", "42883"})
_NO_CONNECTION = ("08", "28", "3D", "53300", "57P")


class UserError(Exception):
    """A mistake of the user's; its message says what to do."""


@contextmanager
def one_line_errors(ctx: click.Context | None = None) -> Iterator[None]:
    """Turn every error into one that click shows as one line; exit 2 for usage, 1 for failure.

    At log level DEBUG a failure prints its traceback first.
    """
    try:
        yield
    except click.UsageError as error:
        if _is_help(error):
            raise
        raise _UsageLine(error) from error
    except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
        raise
    except KeyboardInterrupt:
        raise click.exceptions.Exit(INTERRUPTED) from None
    except Exception as error:
        debug = ctx is not None and AppConfig.of(ctx).debug
        if debug:
            click.echo(redact("".join(traceback.format_exception(error))), err=True, nl=False)
        raise click.ClickException(explain(error, debug=debug)) from error


class _UsageLine(click.ClickException):
    """A usage error without the lines that click puts around it."""

    exit_code = 2

    def __init__(self, error: click.UsageError) -> None:
        command = error.ctx.command_path if error.ctx is not None else "pgqueuer"
        program = command.replace("pgqueuer", "pgq", 1)
        message = redact(one_line(error.format_message()))
        stop = "" if message.endswith((".", "?")) else "."
        super().__init__(f"{message}{stop} See '{program} --help'.")


def _is_help(error: click.UsageError) -> bool:
    """A group that was called without a command shows its help as an error."""
    return error.ctx is not None and error.format_message() == error.ctx.get_help()


def explain(error: BaseException, *, debug: bool = False) -> str:
    """One line for people: what failed, and what to do about it."""
    if isinstance(error, BaseExceptionGroup):
        return explain(error.exceptions[0], debug=debug)
    return redact(one_line(_message(error, debug=debug))) + "."


def _message(error: BaseException, *, debug: bool) -> str:
    from pydantic import ValidationError  # noqa: PLC0415 - slow to import, needed for failures only

    if isinstance(error, ValidationError):
        # The others mostly follow from the first one, as names do from the prefix.
        first = error.errors()[0]
        return _invalid_setting(first["loc"], first["msg"])
    text = str(error).strip().rstrip(".") or type(error).__name__
    if _is_connection_failure(error):
        return cannot_connect(text)
    if getattr(error, "sqlstate", None) in _MISSING_OBJECT:
        return f"{text}. Run 'pgq install', or 'pgq upgrade' if an older release is installed"
    if debug or type(error).__module__.startswith("pgqueuer."):
        return text
    notes = "".join(f" {note.rstrip('.')}." for note in getattr(error, "__notes__", ()))
    return f"{type(error).__name__}: {text}.{notes} Add --log-level DEBUG to see the traceback"


def _invalid_setting(location: tuple[int | str, ...], message: str) -> str:
    name = ".".join(map(str, location))
    reason = message.removeprefix("Value error, ")
    return f"{name}: {reason}" if name else reason


def cannot_connect(reason: str) -> str:
    """What to say when there is no connection."""
    return f"Cannot connect: {reason.strip().rstrip('.')}. {CHECK_CONNECTION}"


def _is_connection_failure(error: BaseException) -> bool:
    """Told without importing a driver; psycopg's error for a lost connection has no SQLSTATE."""
    sqlstate = getattr(error, "sqlstate", None)
    if isinstance(sqlstate, str):
        return sqlstate.startswith(_NO_CONNECTION)
    if type(error).__module__.partition(".")[0] == "psycopg":
        return type(error).__name__ == "OperationalError"
    return isinstance(error, ConnectionError | TimeoutError) or (
        isinstance(error, OSError) and error.filename is None
    )


def one_line(text: str) -> str:
    """`text` with its line breaks and runs of blanks as single blanks."""
    return " ".join(text.split())


def redact(text: str) -> str:
    """`text` without the passwords of connection strings."""
    return _KEYWORD_PASSWORD.sub(r"\1***", _WORD_WITH_LOGIN.sub(_without_password, text))


def _without_password(word: re.Match[str]) -> str:
    """What stands between the first colon, but that of a scheme, and the last @ is left out."""
    colon = _BEFORE_PASSWORD.search(word[0])
    return word[0] if colon is None else f"{word[0][: colon.end()]}***@"
