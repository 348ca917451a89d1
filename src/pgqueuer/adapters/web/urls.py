"""Where the pages are, wherever the router is mounted."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from fastapi import Request
from starlette.routing import NoMatchFound

PREFIX: Final = "pgqueuer_web_"
IN_PATHS: Final = ("job_id", "schedule_id", "action", "file")


class Urls:
    """Paths to the routes by their names, without scheme and host, which a proxy may change."""

    def __init__(self, request: Request) -> None:
        self._request = request

    def __call__(self, page: str, /, **values: object) -> str:
        """The path of a page; what is no parameter of its path goes into the query."""
        route_values = {key: values.pop(key) for key in IN_PATHS if key in values}
        router = self._request.scope["router"]
        path = router.url_path_for(PREFIX + page, **route_values)
        root = self._request.scope.get("root_path", "").rstrip("/")
        query = urlencode({key: value for key, value in values.items() if value}, doseq=True)
        return f"{root}{path}" + (f"?{query}" if query else "")

    @property
    def events(self) -> str:
        """The path of the event stream; empty where the router has none."""
        try:
            return self("events")
        except NoMatchFound:
            return ""
