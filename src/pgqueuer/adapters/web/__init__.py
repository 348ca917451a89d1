"""The web page of a queue, rendered on the server; needs the `web` extra."""

from __future__ import annotations

try:
    import fastapi  # noqa: F401
    import jinja2  # noqa: F401
except ImportError as error:
    raise ImportError(
        "The web page needs FastAPI and Jinja. Install them with: pip install 'pgqueuer[web]'"
    ) from error

from pgqueuer.adapters.web.app import create_web_app
from pgqueuer.adapters.web.router import create_web_router

__all__ = ["create_web_app", "create_web_router"]
