"""The web page as an application of its own, with its own connections."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

from fastapi import Depends, FastAPI, Request, Response, status

from pgqueuer.adapters.connections import create_asyncpg_pool
from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.adapters.persistence.sqlstate import code_of
from pgqueuer.adapters.web.auth import create_basic_auth_dependency
from pgqueuer.adapters.web.router import create_web_router
from pgqueuer.adapters.web.settings import WebCredentials
from pgqueuer.adapters.web.sse import Broadcaster
from pgqueuer.adapters.web.views import render_problem
from pgqueuer.core.logconfig import logger
from pgqueuer.domain.settings import ConnectionSettings
from pgqueuer.domain.types import Channel

MISSING_TABLES: Final = frozenset({"3F000", "42P01", "42703", "42704", "42883"})


def create_web_app(
    dsn: str | None = None, connection_settings: ConnectionSettings | None = None
) -> FastAPI:
    """An application that serves the web page over an asyncpg pool of its own.

    Who opens it has to give the name and the password of PGQUEUER_WEB_USER and
    PGQUEUER_WEB_PASSWORD; without the two it is open to everyone who reaches it, which is said
    in the log.
    """
    from pgqueuer.adapters.drivers.asyncpg import AsyncpgPoolDriver  # noqa: PLC0415

    @asynccontextmanager
    async def over_pool() -> AsyncGenerator[Queries]:
        async with (
            create_asyncpg_pool(dsn, connection_settings) as pool,
            AsyncpgPoolDriver(pool) as driver,
        ):
            yield Queries(driver)

    return web_app_over(over_pool)


def web_app_over(source: Callable[[], AbstractAsyncContextManager[Queries]]) -> FastAPI:
    """As `create_web_app`, over the queries that `source` opens while the application runs."""
    credentials = WebCredentials.from_environment()
    if credentials is None:
        logger.warning(
            "The web page asks for no password: set PGQUEUER_WEB_USER and PGQUEUER_WEB_PASSWORD"
        )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        broadcaster = Broadcaster()
        async with (
            source() as queries,
            broadcaster.following(queries.driver, Channel(queries.settings.channel)),
        ):
            app.state.pgq_queries = queries
            app.state.pgq_broadcaster = broadcaster
            yield

    protection = [] if credentials is None else [Depends(create_basic_auth_dependency(credentials))]
    app = FastAPI(
        title="PgQueuer", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None
    )
    app.include_router(create_web_router(dependencies=protection))
    app.add_exception_handler(status.HTTP_404_NOT_FOUND, _tell_unknown)
    app.add_exception_handler(OSError, _tell)
    app.add_exception_handler(Exception, _tell)
    return app


async def _tell_unknown(request: Request, error: Exception) -> Response:
    return render_problem(
        request,
        status.HTTP_404_NOT_FOUND,
        "There is no such page",
        "The address may be wrong, or of another release.",
    )


async def _tell(request: Request, error: Exception) -> Response:
    """A page instead of a bare error; the server logs the error itself."""
    if code_of(error) in MISSING_TABLES:
        return render_problem(
            request,
            status.HTTP_503_SERVICE_UNAVAILABLE,
            "The tables are not complete",
            "Run 'pgq install', or 'pgq upgrade' where there are some; 'pgq verify' tells more.",
        )
    logger.error("The web page could not be made: %s", error or type(error).__name__)
    return render_problem(
        request,
        status.HTTP_503_SERVICE_UNAVAILABLE,
        "The database does not answer as it should",
        "The page tries again by itself; the log of the server has the reason.",
    )
