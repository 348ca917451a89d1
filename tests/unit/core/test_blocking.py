from __future__ import annotations

from datetime import timedelta

import pytest

from pgqueuer import Job, PgQueuer
from pgqueuer.models import Context
from tests.support import blocking_handlers


def blocking(job: Job) -> None: ...


def with_context(job: Job, context: Context) -> None: ...


async def awaited(job: Job) -> None: ...


@pytest.mark.parametrize("executor", ["thread", "process-pool"])
def test_an_async_function_is_refused_where_functions_block(executor):
    with pytest.raises(TypeError, match="leave the executor out"):
        PgQueuer.in_memory().entrypoint("x", executor=executor)(awaited)


def test_a_blocking_function_needs_one_of_the_executors_for_it():
    with pytest.raises(TypeError, match="executor='thread'"):
        PgQueuer.in_memory().entrypoint("x")(blocking)


def test_a_function_that_another_process_can_not_import_is_refused():
    def local(job: Job) -> None: ...

    for func in (local, lambda job: None):
        with pytest.raises(TypeError, match="top of a module"):
            PgQueuer.in_memory().entrypoint("x", executor="process-pool")(func)


def test_there_is_no_context_in_another_process():
    with pytest.raises(TypeError, match="the job alone"):
        PgQueuer.in_memory().entrypoint("x", executor="process-pool")(with_context)


@pytest.mark.parametrize(
    ("executor", "option"), [("thread", "max_threads"), ("process-pool", "max_processes")]
)
@pytest.mark.parametrize("size", [0, -1, 1.5, "2"])
def test_a_pool_has_at_least_one_member(executor, option, size):
    with pytest.raises(ValueError, match=option):
        PgQueuer.in_memory().entrypoint("x", executor=executor, executor_options={option: size})(
            blocking_handlers.fail
        )


@pytest.mark.parametrize(
    ("timeout", "error"),
    [(timedelta(0), ValueError), (timedelta(seconds=-1), ValueError), (30, TypeError)],
)
def test_a_timeout_is_a_duration_above_zero(timeout, error):
    with pytest.raises(error, match="timeout"):
        PgQueuer.in_memory().entrypoint("x", timeout=timeout)
