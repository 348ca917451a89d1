"""The web page of a queue: an application of its own, or a router for an application of yours."""

from __future__ import annotations

from pgqueuer.adapters.web import create_web_app, create_web_router

__all__ = ["create_web_app", "create_web_router"]
