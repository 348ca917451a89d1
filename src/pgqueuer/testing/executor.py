"""A test suite for executors: do jobs run once, at the same time, and end as their handler says?

Every bundled executor passes it::

    from pgqueuer.testing.executor import ExecutorConformance

    class TestMyExecutor(ExecutorConformance):
        @pytest.fixture
        def executor_factory(self):
            return MyExecutor

`executor_factory` is what users give as `executor_factory=`: it takes the parameters and makes an
executor. Tests are coroutines: run them with pytest-asyncio in its auto mode
(`asyncio_mode = "auto"`).

Where your executor does it another way, say so in the class:

- `calls_blocking = True`: it takes `def` functions instead of async ones.
- `gives_context = False`: its functions can not take the Context.
- `retries_errors = True`: the first error of a handler becomes a RetryRequested with that error as
  its cause.
- `refuses_functions = False`: it takes async and `def` functions alike.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from pgqueuer.core.executors import AbstractEntrypointExecutor, EntrypointExecutorParameters
from pgqueuer.domain.errors import RetryRequested
from pgqueuer.domain.models import Context, Job
from pgqueuer.testing.handlers import ASYNC, BLOCKING, PATIENCE, Handlers, lines
from pgqueuer.testing.samples import HandlerError, make_job

__all__ = ["ExecutorConformance", "ExecutorFactory"]

ExecutorFactory: TypeAlias = Callable[[EntrypointExecutorParameters], AbstractEntrypointExecutor]


class ExecutorConformance:
    """Inherit from it and override `executor_factory`."""

    calls_blocking = False
    gives_context = True
    retries_errors = False
    refuses_functions = True

    @pytest.fixture
    def executor_factory(self) -> ExecutorFactory:
        """Makes an executor of the parameters of an entrypoint."""
        raise NotImplementedError("Override the fixture `executor_factory`; return a callable.")

    @property
    def handlers(self) -> Handlers:
        """Functions of the kind that the executor calls."""
        return BLOCKING if self.calls_blocking else ASYNC

    async def test_a_job_runs_once(self, executor_factory: ExecutorFactory, tmp_path: Path) -> None:
        executor = executor_factory(parameters(self.handlers.succeed))
        for number in range(3):
            await executor.execute(job_at(tmp_path, number), Context())

        assert lines(tmp_path / "ran") == ["0", "1", "2"]

    async def test_a_handler_that_wants_the_context_gets_that_of_its_job(
        self, executor_factory: ExecutorFactory, tmp_path: Path
    ) -> None:
        if not self.gives_context:
            pytest.skip("gives_context is False")
        executor = executor_factory(parameters(self.handlers.use_context, accepts_context=True))
        await executor.execute(job_at(tmp_path), Context(resources={"mark": "yes"}))

        assert lines(tmp_path / "ran") == ["yes"]

    async def test_an_error_of_the_handler_comes_out(
        self, executor_factory: ExecutorFactory, tmp_path: Path
    ) -> None:
        executor = executor_factory(parameters(self.handlers.fail))
        with pytest.raises(RetryRequested if self.retries_errors else HandlerError) as caught:
            await executor.execute(job_at(tmp_path), Context())

        error = caught.value.__cause__ if self.retries_errors else caught.value
        assert isinstance(error, HandlerError)
        assert str(error) == "on purpose"
        assert lines(tmp_path / "ran") == ["1"]

    async def test_a_retry_that_the_handler_asks_for_comes_out_as_it_is(
        self, executor_factory: ExecutorFactory, tmp_path: Path
    ) -> None:
        executor = executor_factory(parameters(self.handlers.ask_for_retry))
        with pytest.raises(RetryRequested) as caught:
            await executor.execute(job_at(tmp_path), Context())

        assert (caught.value.delay, caught.value.reason) == (timedelta(seconds=7), "not yet")

    async def test_jobs_run_at_the_same_time(
        self, executor_factory: ExecutorFactory, tmp_path: Path
    ) -> None:
        executor = executor_factory(parameters(self.handlers.meet))
        await asyncio.gather(
            *(executor.execute(job_at(tmp_path, number), Context()) for number in range(2))
        )

        assert sorted(lines(tmp_path / "ran")) == ["0", "1"]

    async def test_an_execution_that_is_canceled_ends_canceled(
        self, executor_factory: ExecutorFactory, tmp_path: Path
    ) -> None:
        executor = executor_factory(parameters(self.handlers.hang))
        job = job_at(tmp_path)
        task = asyncio.create_task(wrapped(executor, job))
        try:
            async with asyncio.timeout(PATIENCE):
                # The loop goes on meanwhile, else this would not be reached.
                while not lines(tmp_path / "ran"):  # noqa: ASYNC110 - a file has no event
                    await asyncio.sleep(0.01)
            task.cancel()
            await asyncio.wait([task], timeout=PATIENCE)

            assert task.cancelled()
            if not self.calls_blocking:
                assert len(lines(tmp_path / "ran")) == 2, "the handler was not canceled"
        finally:
            (tmp_path / "ran").unlink(missing_ok=True)

    async def test_a_handler_of_the_wrong_kind_is_refused_at_once(
        self, executor_factory: ExecutorFactory
    ) -> None:
        if not self.refuses_functions:
            pytest.skip("refuses_functions is False")
        other = ASYNC if self.calls_blocking else BLOCKING
        with pytest.raises(TypeError):
            executor_factory(parameters(other.succeed))

    async def test_a_blocking_handler_has_its_time(
        self, executor_factory: ExecutorFactory, tmp_path: Path
    ) -> None:
        if not self.calls_blocking:
            pytest.skip("for async functions the library sees to it")
        executor = executor_factory(
            parameters(self.handlers.hang, timeout=timedelta(milliseconds=50))
        )
        try:
            with pytest.raises(TimeoutError):
                await executor.execute(job_at(tmp_path), Context())
        finally:
            (tmp_path / "ran").unlink(missing_ok=True)


def parameters(func: Callable[..., Any], **options: Any) -> EntrypointExecutorParameters:
    """What the library hands to a factory."""
    return EntrypointExecutorParameters(concurrency_limit=0, func=func, **options)


def job_at(folder: Path, number: int = 1) -> Job:
    """A job whose handler leaves lines in the file `ran`."""
    return make_job(number, payload=str(folder / "ran").encode())


async def wrapped(executor: AbstractEntrypointExecutor, job: Job) -> None:
    """A coroutine for a task, whatever kind of awaitable the executor returns."""
    await executor.execute(job, Context())
