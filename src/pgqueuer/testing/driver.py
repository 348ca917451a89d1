"""A test suite for drivers: can workers and producers rely on this one?

Every bundled driver passes it, and so does yours if it is to be used in their place::

    from pgqueuer.testing.driver import DriverConformance

    class TestMyDriver(DriverConformance):
        @pytest.fixture
        def open_driver(self, dsn):
            @asynccontextmanager
            async def open_driver():
                async with my_library.connect(dsn) as connection:
                    yield MyDriver(connection)
            return open_driver

`open_driver` is a callable without arguments. Each call opens another connection to the same
database, fresh for the test, and gives a driver on it that nobody has entered yet. Tests are
coroutines: run them with pytest-asyncio in its auto mode (`asyncio_mode = "auto"`).

Where your driver can do less than the bundled ones, say so in the class:

- `has_sql = False`: `fetch` and `execute` do not talk to PostgreSQL.
- `can_listen = False`: `add_listener` hears nothing; workers poll then.
- `can_remove_listeners = False`: it is no `ListenerRemover`.
- `can_copy = False`: it is no `BulkCopier`.
- `tells_status = False`: `execute` returns no status of the command; the library uses none.
- `refuses_wrong_types = False`: ``$1::bytea`` takes a `str`, and the like. The library checks what
  it is given itself; this is about statements of your own.
"""

from __future__ import annotations

from pgqueuer.testing._driver.contexts import ContextTests
from pgqueuer.testing._driver.copying import CopyTests
from pgqueuer.testing._driver.kit import OpenDriver
from pgqueuer.testing._driver.listening import ListeningTests
from pgqueuer.testing._driver.statements import StatementTests
from pgqueuer.testing._driver.values import ValueTests

__all__ = ["DriverConformance", "OpenDriver"]


class DriverConformance(StatementTests, ValueTests, ListeningTests, ContextTests, CopyTests):
    """Inherit from it and override `open_driver`."""
