"""The server class of the installed MCP SDK: `MCPServer` since 2.0, `FastMCP` before."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from importlib import import_module
from inspect import signature
from typing import Any, TypeVar, get_type_hints

from pgqueuer.domain.errors import PgqException

T = TypeVar("T")


def server_class() -> Any:
    """The class; raises ImportError, with what to install, where there is no SDK."""
    for module, name in (("mcp.server.mcpserver", "MCPServer"), ("mcp.server.fastmcp", "FastMCP")):
        try:
            return getattr(import_module(module), name)
        except ImportError:
            continue
    raise ImportError("The MCP server needs the SDK. Install it with: pip install 'pgqueuer[mcp]'")


def told_to_agents(tool: Callable[..., Awaitable[T]]) -> Callable[..., Awaitable[T]]:
    """The tool, with what is wrong with its arguments told to the agent that gave them.

    Since 2.0 the SDK tells an agent nothing of other errors.
    """
    tool_error = _tool_error()

    @wraps(tool)
    async def telling(*args: Any, **kwargs: Any) -> T:
        try:
            return await tool(*args, **kwargs)
        except (ValueError, PgqException) as error:
            raise tool_error(str(error)) from error

    # Older releases look for the names in the annotations where the wrapper stands.
    telling.__annotations__ = get_type_hints(tool)
    setattr(telling, "__signature__", signature(tool, eval_str=True))  # noqa: B010
    return telling


def _tool_error() -> type[Exception]:
    package = server_class().__module__.rpartition(".")[0]
    error: type[Exception] = import_module(f"{package}.exceptions").ToolError
    return error


def hints(*, read_only: bool, destructive: bool = False) -> Any:
    """What a client is told about a tool before it calls it."""
    annotations = import_module("mcp.types").ToolAnnotations
    return annotations.model_validate(
        {"readOnlyHint": read_only, "destructiveHint": destructive, "openWorldHint": False}
    )
