"""The server class of the installed MCP SDK: `MCPServer` since 2.0, `FastMCP` before."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def server_class() -> Any:
    """The class; raises ImportError, with what to install, where there is no SDK."""
    for module, name in (("mcp.server.mcpserver", "MCPServer"), ("mcp.server.fastmcp", "FastMCP")):
        try:
            return getattr(import_module(module), name)
        except ImportError:
            continue
    raise ImportError("The MCP server needs the SDK. Install it with: pip install 'pgqueuer[mcp]'")


def hints(*, read_only: bool, destructive: bool = False) -> Any:
    """What a client is told about a tool before it calls it."""
    annotations = import_module("mcp.types").ToolAnnotations
    return annotations.model_validate(
        {"readOnlyHint": read_only, "destructiveHint": destructive, "openWorldHint": False}
    )
