"""Values as payloads, and payloads as values."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Annotated, Any

import msgspec
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typing_extensions import TypedDict

from pgqueuer.core.payloads import codec_of, encode_payload
from pgqueuer.domain.job_type import JobType
from pgqueuer.errors import InvalidPayloadError


class Mail(pydantic.BaseModel):
    to: str
    at: datetime | None = None

    @pydantic.computed_field
    def shout(self) -> str:
        return self.to.upper()


class Strict(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")

    sender: str = pydantic.Field(alias="from")

    @pydantic.computed_field
    def shout(self) -> str:
        return self.sender.upper()


@dataclass
class Tree:
    name: str
    children: list[Tree] = field(default_factory=list)


class Point(msgspec.Struct):
    x: int
    y: float = 0.0


class Options(TypedDict):
    size: int


@pytest.mark.parametrize(
    ("payload_type", "value"),
    [
        (Mail, Mail(to="a@example.org", at=datetime(2030, 1, 1, tzinfo=UTC))),
        (Strict, Strict(**{"from": "a"})),
        (Tree, Tree("root", [Tree("leaf")])),
        (Point, Point(1, 2.5)),
        (list[Point], [Point(1)]),
        (Point | None, None),
        (Mail | None, None),
        (list[int], [1, 2]),
        (dict[str, date], {"day": date(2030, 1, 1)}),
        (Options, {"size": 1}),
        (int, 5),
        (float, 5),
        (Annotated[int, pydantic.Field(gt=0)], 1),
    ],
    ids=str,
)
def test_a_value_comes_back_as_it_was(payload_type: Any, value: object) -> None:
    codec = codec_of(payload_type)
    assert codec.decode(codec.encode(value)) == value


@given(st.builds(Tree, name=st.text(st.characters(codec="utf-8"))))
@settings(deadline=None)
def test_any_text_comes_back(tree: Tree) -> None:
    assert codec_of(Tree).decode(encode_payload(tree)) == tree


def test_models_are_encoded_by_their_own_type() -> None:
    assert encode_payload(Mail(to="a")) == b'{"to":"a","at":null}'
    assert encode_payload(Tree("t")) == b'{"name":"t","children":[]}'
    assert encode_payload(Point(1)) == b'{"x":1,"y":0.0}'


def test_bytes_are_left_alone() -> None:
    assert codec_of(bytes).decode(b"\xff") == b"\xff"
    with pytest.raises(InvalidPayloadError, match="has no payload; its handler takes bytes"):
        codec_of(bytes).decode(None)


@pytest.mark.parametrize("value", ["text", 1, 1.5, {"a": 1}, 2j, Mail, Tree, True], ids=str)
def test_what_is_no_model_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="payload must be bytes"):
        encode_payload(value)


@pytest.mark.parametrize(
    ("payload_type", "value"),
    [
        (Mail, Tree("t")),
        (Mail, None),
        (Mail, [Mail(to="a")]),
        (Tree, Mail(to="a")),
        (Point, Tree("t")),
        (bytes, "text"),
        (bytes, 5),
        (int, "text"),
        (list[int], ["text"]),
        (Options, {"size": "text"}),
    ],
    ids=str,
)
def test_a_value_of_another_type_than_the_job_type_is_refused(
    payload_type: Any, value: object
) -> None:
    with pytest.raises(TypeError, match="payload"):
        encode_payload(value, JobType("e", payload_type))


def test_a_model_that_can_not_be_written_is_refused_with_the_reason() -> None:
    class Secret(pydantic.BaseModel):
        blob: bytes

    with pytest.raises(TypeError, match="payload of type Secret can not be written as JSON"):
        encode_payload(Secret(blob=b"\xff"))


@pytest.mark.parametrize(
    ("payload_type", "payload", "said"),
    [
        (Mail, b'{"to": ["hush"]}', "no valid Mail: to: Input should be a valid string"),
        (Mail, b'{"copy": "hush"}', "no valid Mail: to: Field required"),
        (Mail, b"hush", "Invalid JSON"),
        (Mail, b"", "Invalid JSON"),
        (Mail, b"\xff", "Invalid JSON"),
        (Mail, b"[" * 100_000, "recursion limit"),
        (Tree, b'{"name": "a", "children": [{"name": 1}]}', "children.0.name: Input"),
        (Point, b'{"x": "hush"}', r"no valid Point: Expected `int`, got `str` - at `\$.x`"),
        (Point, b"hush", "JSON is malformed"),
        (int, b'"hush"', "no valid int"),
        (Mail, None, "has no payload; its handler takes Mail"),
        (Point, None, "has no payload; its handler takes Point"),
    ],
    ids=str,
)
def test_a_bad_payload_is_told_without_showing_it(
    payload_type: Any, payload: bytes | None, said: str
) -> None:
    with pytest.raises(InvalidPayloadError, match=said) as caught:
        codec_of(payload_type).decode(payload)
    assert "hush" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_many_problems_and_long_or_strange_names_stay_one_short_line() -> None:
    class Closed(pydantic.BaseModel):
        model_config = pydantic.ConfigDict(extra="forbid")

    names = ["x" * 10_000, "line\\nbreak", *map(str, range(20))]
    payload = "{" + ",".join(f'"{name}": 1' for name in names) + "}"
    with pytest.raises(InvalidPayloadError, match="and 17 more") as caught:
        codec_of(Closed).decode(payload.encode())
    assert len(str(caught.value)) < 1_000
    assert "\n" not in str(caught.value)


class Unprintable(ValueError):
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    "error",
    [
        RecursionError("deep"),
        MemoryError(),
        StopIteration(),
        SystemExit(1),
        GeneratorExit(),
        KeyError("odd"),
        BaseException("base"),
        Unprintable(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_whatever_a_validator_raises_is_a_bad_payload(error: BaseException) -> None:
    class Odd(pydantic.BaseModel):
        number: int

        @pydantic.field_validator("number")
        @classmethod
        def fail(cls, number: int) -> int:
            raise error

    with pytest.raises(InvalidPayloadError, match="Odd"):
        codec_of(Odd).decode(b'{"number": 1}')


def test_an_interrupt_from_the_keyboard_goes_through() -> None:
    class Slow(pydantic.BaseModel):
        number: int

        @pydantic.field_validator("number")
        @classmethod
        def fail(cls, number: int) -> int:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        codec_of(Slow).decode(b'{"number": 1}')


def test_a_validator_is_made_once_for_a_type() -> None:
    assert codec_of(list[Tree]) is codec_of(list[Tree])


def test_msgspec_is_not_imported_for_who_does_not_use_it() -> None:
    program = """
import sys
from dataclasses import dataclass
from pgqueuer import InMemoryQueries, JobType, PgQueuer, Queries
from pgqueuer.core.payloads import codec_of

@dataclass
class Size:
    width: int

assert codec_of(Size).decode(codec_of(Size).encode(Size(1))) == Size(1)
sys.exit("msgspec" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
