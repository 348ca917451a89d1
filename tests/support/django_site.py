"""The shop of the Django guide in the test's own process, on the test's database."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.documents import EXAMPLES

pytest.importorskip("django")


@contextmanager
def shop_on(dsn: str, **options: object) -> Iterator[None]:
    """Django with its default database at `dsn`; `options` are for its entry in DATABASES."""
    start_django()
    from django.db import connections

    connections.close_all()
    connections.settings["default"].update({"TIME_ZONE": None, **database_at(dsn), **options})
    connections["default"] = connections.create_connection("default")
    try:
        yield
    finally:
        connections.close_all()


def database_at(dsn: str) -> dict[str, object]:
    """What an entry of DATABASES says about a server."""
    from psycopg.conninfo import conninfo_to_dict

    found = conninfo_to_dict(dsn)
    return {
        "NAME": found["dbname"],
        "USER": found.get("user"),
        "HOST": found.get("host"),
        "PORT": found.get("port"),
    }


def start_django() -> None:
    """Loads the settings of the shop; once a process."""
    import django

    if str(EXAMPLES) not in sys.path:
        sys.path.insert(0, str(EXAMPLES))
    os.environ["DJANGO_SETTINGS_MODULE"] = "shop.settings"
    django.setup()
