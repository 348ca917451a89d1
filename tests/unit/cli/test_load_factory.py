from __future__ import annotations

import sys
from contextlib import asynccontextmanager, suppress

import pytest

from pgqueuer.factories import load_factory, validate_factory_result


@pytest.fixture(autouse=True)
def modules(tmp_path, monkeypatch):
    """A working directory with a few modules; what they import is forgotten afterwards."""
    (tmp_path / "cli_good.py").write_text(
        "class holder:\n    def make(args=None): return args\nmake = holder.make\nnumber = 3\n"
    )
    (tmp_path / "cli_imports_nothing.py").write_text("import cli_no_such_dependency\n")
    (tmp_path / "cli_raises.py").write_text("1 / 0\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("cli_")]:
        del sys.modules[name]


def test_a_module_of_the_working_directory_is_found_first(modules):
    assert load_factory("cli_good:make")(["x"]) == ["x"]
    assert sys.path[0] == str(modules)


def test_the_working_directory_is_put_on_the_path_once(modules):
    load_factory("cli_good:make")
    load_factory("cli_good:make")
    assert sys.path.count(str(modules)) == 1


def test_an_attribute_of_an_attribute_is_found():
    assert load_factory("cli_good:holder.make")() is None


def test_a_callable_is_passed_through():
    assert load_factory(print) is print


@pytest.mark.parametrize("reference", ["cli_good", "cli_good:", ":make", "", "cli_good.make"])
def test_another_form_is_refused(reference):
    with pytest.raises(ValueError, match=r"package\.module:attribute"):
        load_factory(reference)


def test_a_missing_module_is_named():
    with pytest.raises(ModuleNotFoundError, match="no module 'cli_nowhere'"):
        load_factory("cli_nowhere.deeper:make")


def test_a_missing_dependency_of_the_module_is_its_own_error():
    with pytest.raises(ModuleNotFoundError, match=r"^No module named 'cli_no_such_dependency'"):
        load_factory("cli_imports_nothing:make")


def test_what_the_module_raises_is_passed_on():
    with pytest.raises(ZeroDivisionError):
        load_factory("cli_raises:make")


def test_a_missing_attribute_is_named():
    with pytest.raises(AttributeError, match="no 'absent' in 'cli_good'"):
        load_factory("cli_good:absent")


@pytest.mark.parametrize("wrong", ["cli_good:number", 3])
def test_what_can_not_be_called_is_a_type_error(wrong):
    with pytest.raises(TypeError, match="type int"):
        load_factory(wrong)


def test_an_async_context_manager_is_returned_as_it_is():
    @asynccontextmanager
    async def factory():
        yield

    made = factory()
    assert validate_factory_result(made) is made


def test_a_coroutine_is_closed_and_refused():
    async def factory():
        pass

    made = factory()
    with pytest.raises(TypeError, match="AsyncContextManager; decorate it with @asynccontextm"):
        validate_factory_result(made)
    with pytest.raises(RuntimeError, match="cannot reuse"):
        made.send(None)


def test_a_plain_context_manager_is_refused():
    with pytest.raises(TypeError, match="AsyncContextManager"):
        validate_factory_result(suppress(ValueError))
