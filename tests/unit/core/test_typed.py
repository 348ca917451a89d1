"""Which functions want a payload, and how they are called."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Generic, Protocol, TypeVar

import msgspec
import pydantic
import pytest

from pgqueuer import Job, JobType, PgQueuer
from pgqueuer.core.executors import EntrypointExecutor, EntrypointExecutorParameters, wants_context
from pgqueuer.core.typed import TypedHandler, typed_handler
from pgqueuer.domain.models import Context, utc_now
from pgqueuer.domain.types import JobId, QueueEntrypoint
from pgqueuer.errors import InvalidPayloadError
from pgqueuer.executors import (
    AbstractEntrypointExecutor,
    DatabaseRetryEntrypointExecutor,
    ThreadExecutor,
)

if TYPE_CHECKING:
    from decimal import Decimal
    from decimal import Decimal as QueuedJob

T = TypeVar("T")
JobLike = TypeVar("JobLike", bound=Job)


class Mail(pydantic.BaseModel):
    to: str
    copies: list[str] = []


class Envelope(pydantic.BaseModel, Generic[T]):
    content: T


@dataclass
class Resize:
    width: int


@dataclass
class Box(Generic[T]):
    content: T


class Point(msgspec.Struct):
    x: int


class HasPayload(Protocol):
    payload: bytes | None


class OwnJob(Job):
    """A job with methods of the program's own."""


class OwnContext(Context): ...


class Callee:
    async def __call__(self, mail: Mail) -> None: ...

    async def method(self, mail: Mail, job: Job) -> None: ...


def make_job(payload: bytes | None, job_id: int = 1) -> Job:
    now = utc_now()
    return Job(
        id=JobId(job_id),
        priority=0,
        created=now,
        updated=now,
        heartbeat=now,
        execute_after=now,
        status="picked",
        entrypoint=QueueEntrypoint("e"),
        payload=payload,
        queue_manager_id=None,
    )


def detected(func: Any, accepts_context: bool | None = None) -> tuple[object, ...] | None:
    found = typed_handler(func, None, accepts_context, {})
    return None if found is None else (found.payload_type, *found.roles)


async def model(mail: Mail) -> None: ...
async def with_job(mail: Mail, job: Job) -> None: ...
async def with_context(mail: Mail, context: Context) -> None: ...
async def with_both(mail: Mail, job: Job, context: Context) -> None: ...
async def with_both_swapped(mail: Mail, context: Context, job: Job) -> None: ...
async def job_first(job: Job, mail: Mail) -> None: ...
async def context_first(context: Context, mail: Mail, job: Job) -> None: ...
async def with_default(mail: Mail, times: int = 3) -> None: ...
async def with_context_default(mail: Mail, context: Context = Context()) -> None: ...  # noqa: B008
async def with_keyword(mail: Mail, *, times: int = 3) -> None: ...
async def quoted(mail: "Mail") -> None: ...  # noqa: UP037
async def positional(mail: Mail, /) -> None: ...
async def a_dataclass(resize: Resize) -> None: ...
async def a_struct(point: Point) -> None: ...
async def generic_model(envelope: Envelope[Mail]) -> None: ...
async def generic_dataclass(box: Box[int]) -> None: ...
def blocking(mail: Mail) -> None: ...


@pytest.mark.parametrize(
    ("func", "expected"),
    [
        (model, (Mail, "payload")),
        (with_job, (Mail, "payload", "job")),
        (with_context, (Mail, "payload", "context")),
        (with_both, (Mail, "payload", "job", "context")),
        (with_both_swapped, (Mail, "payload", "context", "job")),
        (job_first, (Mail, "job", "payload")),
        (context_first, (Mail, "context", "payload", "job")),
        (with_default, (Mail, "payload")),
        (with_context_default, (Mail, "payload", "context")),
        (with_keyword, (Mail, "payload")),
        (quoted, (Mail, "payload")),
        (positional, (Mail, "payload")),
        (a_dataclass, (Resize, "payload")),
        (a_struct, (Point, "payload")),
        (generic_model, (Envelope[Mail], "payload")),
        (generic_dataclass, (Box[int], "payload")),
        (blocking, (Mail, "payload")),
        (Callee(), (Mail, "payload")),
        (Callee().method, (Mail, "payload", "job")),
        (functools.partial(with_default, times=1), (Mail, "payload")),
        (functools.partial(job_first, make_job(None)), (Mail, "payload")),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_an_annotation_tells_the_payload(
    func: Callable[..., object], expected: tuple[object, ...]
) -> None:
    assert detected(func) == expected


async def job(job: Job) -> None: ...
async def job_and_context(job: Job, context: Context) -> None: ...
async def context_and_job(context: Context, job: Job) -> None: ...
async def unannotated(job): ...  # type: ignore[no-untyped-def]
async def nothing() -> None: ...
async def anything(job: Any) -> None: ...
async def an_object(job: object) -> None: ...
async def base_model(job: pydantic.BaseModel) -> None: ...
async def own_job(job: OwnJob) -> None: ...
async def optional_job(job: Job | None) -> None: ...
async def job_or_model(job: Job | Mail) -> None: ...
async def optional_model(mail: Mail | None) -> None: ...
async def variable(job: T) -> None: ...
async def bound_variable(job: JobLike) -> None: ...
async def protocol(job: HasPayload) -> None: ...
async def annotated(job: Annotated[Job, "note"]) -> None: ...
async def number(job: int) -> None: ...
async def many(mails: list[Mail]) -> None: ...
async def unknown(amount: Decimal) -> None: ...
async def unknown_job(job: QueuedJob) -> None: ...
async def variadic(*args: Mail) -> None: ...
async def keyword_only(*, mail: Mail) -> None: ...
async def required_keyword(mail: Mail, *, times: int) -> None: ...
async def with_options(job: Job, options: Resize = Resize(1)) -> None: ...  # noqa: B008
async def default_payload(mail: Mail | None = None) -> None: ...
async def two_models(mail: Mail, resize: Resize) -> None: ...
async def own_context(job: Job, context: OwnContext) -> None: ...
async def foreign_context(job: Job, context: Resize) -> None: ...
async def strange_second(mail: Mail, times: int) -> None: ...


@pytest.mark.parametrize(
    "func",
    [
        job,
        job_and_context,
        context_and_job,
        unannotated,
        nothing,
        anything,
        an_object,
        base_model,
        own_job,
        optional_job,
        job_or_model,
        optional_model,
        variable,
        bound_variable,
        protocol,
        annotated,
        number,
        many,
        unknown,
        unknown_job,
        variadic,
        keyword_only,
        required_keyword,
        with_options,
        default_payload,
        two_models,
        own_context,
        strange_second,
        lambda job: None,
        functools.partial(job_first, mail=Mail(to="x")),
        print,
        dict,
    ],
    ids=lambda func: getattr(func, "__name__", ""),
)
def test_every_other_handler_gets_a_job(func: Callable[..., object]) -> None:
    assert detected(func) is None


def test_a_context_that_is_asked_for_by_argument_may_have_any_annotation() -> None:
    assert detected(foreign_context, accepts_context=True) is None


def test_a_context_that_is_not_to_be_passed_leaves_a_handler_of_jobs() -> None:
    assert detected(with_context, accepts_context=False) is None
    assert detected(with_context_default, accepts_context=False) == (Mail, "payload")


def test_a_local_type_is_found_where_the_handler_is_registered() -> None:
    class Local(pydantic.BaseModel):
        size: int

    pgq = PgQueuer.in_memory()

    @pgq.entrypoint("local")
    async def local(payload: Local) -> None: ...

    typed = pgq.qm.entrypoint_registry[QueueEntrypoint("local")].parameters.typed
    assert typed is not None
    assert typed.payload_type is Local


def test_names_of_the_caller_do_not_change_what_a_function_of_a_module_takes() -> None:
    assert typed_handler(unknown, None, None, {"Decimal": Mail}) is None


def test_an_annotation_that_can_not_be_found_is_said(caplog: pytest.LogCaptureFixture) -> None:
    detected(unknown)
    detected(unknown_job)
    (record,) = caplog.records
    assert "Decimal" in record.message
    assert "payload_type=" in record.message


@pytest.mark.parametrize(
    ("func", "payload_type", "roles"),
    [
        (number, int, ("payload",)),
        (many, list[Mail], ("payload",)),
        (unannotated, Mail, ("payload",)),
        (anything, Mail, ("payload",)),
        (base_model, Mail, ("payload",)),
        (optional_model, Mail | None, ("payload",)),
        (default_payload, Mail, ("payload",)),
        (protocol, Mail, ("payload",)),
        (unknown, int, ("payload",)),
        (context_first, Mail, ("context", "payload", "job")),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_a_declared_type_goes_to_the_parameter_that_is_neither_job_nor_context(
    func: Callable[..., object], payload_type: object, roles: tuple[str, ...]
) -> None:
    found = typed_handler(func, payload_type, None, {})
    assert found is not None
    assert (found.payload_type, found.roles) == (payload_type, roles)


@pytest.mark.parametrize(
    ("func", "accepts_context"),
    [
        (job, None),
        (nothing, None),
        (two_models, None),
        (required_keyword, None),
        (keyword_only, None),
        (with_context, False),
        (model, True),
        (a_dataclass, None),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_a_handler_that_can_not_take_the_declared_type_is_refused(
    func: Callable[..., object], accepts_context: bool | None
) -> None:
    with pytest.raises(TypeError, match="Mail"):
        typed_handler(func, Mail, accepts_context, {})


def registered(func: Callable[..., object], **options: Any) -> AbstractEntrypointExecutor:
    pgq = PgQueuer.in_memory()
    pgq.entrypoint("e", **options)(func)
    return pgq.qm.entrypoint_registry[QueueEntrypoint("e")]


def typed_of(executor: AbstractEntrypointExecutor) -> TypedHandler:
    typed = executor.parameters.typed
    assert typed is not None
    return typed


def test_a_function_for_executors_looks_like_a_handler_of_jobs() -> None:
    func = registered(with_both).parameters.func
    assert inspect.iscoroutinefunction(func)
    assert func.__name__ == "with_both"
    assert wants_context(func, Context)
    assert [each.annotation for each in inspect.signature(func).parameters.values()] == [
        Job,
        Context,
    ]
    assert not wants_context(registered(model).parameters.func, Context)


async def test_arguments_come_in_the_order_of_the_handler() -> None:
    calls: list[tuple[object, ...]] = []

    async def record(context: Context, job: Job, mail: Mail) -> None:
        calls.append((context, job, mail))

    executor = registered(record)
    job, context = make_job(b'{"to": "a"}'), Context()
    await executor.execute(job, context)
    assert calls == [(context, job, Mail(to="a"))]


async def test_a_call_inside_an_executor_gets_a_value_that_nobody_has_changed() -> None:
    seen: list[list[str]] = []

    async def change(mail: Mail) -> None:
        seen.append(list(mail.copies))
        mail.copies.append("changed")

    @dataclass(eq=False)
    class Twice(EntrypointExecutor):
        async def execute(self, job: Job, context: Context) -> None:
            await super().execute(job, context)
            await super().execute(job, context)

    for factory in (EntrypointExecutor, Twice):
        executor = registered(change, executor_factory=factory)
        await typed_of(executor).execute(executor.execute, make_job(b'{"to": "a"}'), Context())
    assert seen == [[], [], []]


async def test_a_payload_is_decoded_once_for_a_run() -> None:
    validated: list[int] = []

    class Counted(pydantic.BaseModel):
        number: int

        @pydantic.field_validator("number")
        @classmethod
        def count(cls, number: int) -> int:
            validated.append(number)
            return number

    async def handler(counted: Counted) -> None: ...

    executor = registered(handler, payload_type=Counted)
    await typed_of(executor).execute(executor.execute, make_job(b'{"number": 7}'), Context())
    assert validated == [7]


@pytest.mark.parametrize("payload_type", [None, dict[str, str]])
async def test_a_job_that_an_executor_changed_is_decoded_as_it_passes_it(
    payload_type: object,
) -> None:
    seen: list[object] = []

    async def handler(mail: Mail) -> None:
        seen.append(mail)

    @dataclass(eq=False)
    class Lower(AbstractEntrypointExecutor):
        async def execute(self, job: Job, context: Context) -> None:
            lower = job.model_copy(update={"payload": (job.payload or b"").lower()})
            func: Callable[..., Any] = self.parameters.func
            await func(lower)

    async def declared(mail: dict[str, str]) -> None:
        seen.append(Mail(**mail))

    func = handler if payload_type is None else declared
    executor = registered(func, executor_factory=Lower, payload_type=payload_type)
    await typed_of(executor).execute(executor.execute, make_job(b'{"TO": "A"}'), Context())
    assert seen == [Mail(to="a")]


async def test_an_executor_of_1_x_that_decodes_by_itself_still_does() -> None:
    seen: list[object] = []

    async def handler(mail: Mail) -> None:
        seen.append(mail)

    @dataclass(eq=False)
    class Decoding(AbstractEntrypointExecutor):
        async def execute(self, job: Job, context: Context) -> None:
            func: Callable[..., Any] = self.parameters.func
            await func(Mail(to=(job.payload or b"").decode()))

    executor = registered(handler, executor_factory=Decoding)
    await typed_of(executor).execute(executor.execute, make_job(b"no JSON"), Context())
    assert seen == [Mail(to="no JSON")]


async def test_an_executor_of_1_x_may_pass_what_no_job_has() -> None:
    class Pool:
        """Nothing that JSON has a form for."""

    @dataclass
    class Services:
        pool: Pool

    seen: list[object] = []
    services = Services(Pool())

    async def handler(job: Job, services: Services) -> None:
        seen.append(services)

    @dataclass(eq=False)
    class Injecting(AbstractEntrypointExecutor):
        async def execute(self, job: Job, context: Context) -> None:
            func: Callable[..., Any] = self.parameters.func
            await func(job, services)

    pgq = PgQueuer.in_memory()
    pgq.entrypoint("e", executor_factory=Injecting)(handler)
    executor = pgq.qm.entrypoint_registry[QueueEntrypoint("e")]
    await executor.execute(make_job(None), Context())
    assert seen == [services]


@pytest.mark.parametrize("attempts", [0, 99])
async def test_a_bad_payload_ends_as_such_whatever_the_executor_makes_of_it(attempts: int) -> None:
    @dataclass(eq=False)
    class Stubborn(DatabaseRetryEntrypointExecutor):
        async def execute(self, job: Job, context: Context) -> None:
            try:
                await self.call_function(job, context)
            except Exception:
                raise RuntimeError("again") from None

    for factory in (DatabaseRetryEntrypointExecutor, Stubborn):
        executor = registered(model, executor_factory=factory)
        job = make_job(b"{}").model_copy(update={"attempts": attempts})
        with pytest.raises(InvalidPayloadError):
            await typed_of(executor).execute(executor.execute, job, Context())


async def test_a_handler_that_says_its_payload_is_bad_is_not_retried() -> None:
    async def refuse(job: Job) -> None:
        raise InvalidPayloadError("an order without items")

    executor = DatabaseRetryEntrypointExecutor(EntrypointExecutorParameters(0, refuse))
    with pytest.raises(InvalidPayloadError):
        await executor.execute(make_job(None), Context())


async def test_an_executor_that_passes_no_context_is_told() -> None:
    executor = registered(with_context)
    func: Callable[..., Any] = executor.parameters.func
    with pytest.raises(TypeError, match="takes a Context"):
        await func(make_job(b'{"to": "a"}'))


async def test_a_blocking_handler_gets_its_payload_in_a_thread() -> None:
    seen: list[object] = []

    def handler(mail: Mail, job: Job) -> None:
        seen.append((mail, job.id))

    executor = registered(handler, executor="thread")
    assert isinstance(executor, ThreadExecutor)
    await executor.execute(make_job(b'{"to": "a"}'), Context())
    assert seen == [(Mail(to="a"), 1)]


class Socket: ...


@dataclass
class Connection:
    socket: Socket


class Unfinished(pydantic.BaseModel):
    part: Undefined  # type: ignore[name-defined]  # noqa: F821


def test_a_type_that_json_has_no_form_for_is_refused_when_it_is_registered() -> None:
    async def handler(connection: Any) -> None: ...

    for payload_type in (Socket, Connection, list[Socket], Unfinished):
        with pytest.raises(TypeError, match="can not be the type of a payload"):
            registered(handler, payload_type=payload_type)


def test_a_job_type_has_its_payload_type_already() -> None:
    pgq = PgQueuer.in_memory()
    with pytest.raises(TypeError, match="leave payload_type out"):
        pgq.qm.entrypoint(JobType("send", Mail), payload_type=Mail, executor="thread")


def test_a_job_type_names_its_entrypoint_once() -> None:
    pgq = PgQueuer.in_memory()
    kind = JobType("send", Mail)
    pgq.entrypoint(kind)(model)
    assert list(pgq.qm.entrypoint_registry) == ["send"]
    with pytest.raises(RuntimeError, match="'send' is already registered"):
        pgq.entrypoint(kind)
    assert f"{kind}" == "send"
    assert kind == JobType("send", Mail) != JobType("send", Resize)
