"""Suites that tell whether an implementation of a port does what the library relies on.

They need pytest and pytest-asyncio in its auto mode: `pip install 'pgqueuer[testing]'`.
"""

import pytest

pytest.register_assert_rewrite(
    "pgqueuer.testing._repository",
    "pgqueuer.testing._driver",
    "pgqueuer.testing.command",
    "pgqueuer.testing.executor",
    "pgqueuer.testing.schedule_executor",
    "pgqueuer.testing.service",
    "pgqueuer.testing.tracer",
)
