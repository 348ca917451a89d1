"""Suites that tell whether an implementation of a port does what the library relies on."""

import pytest

pytest.register_assert_rewrite("pgqueuer.testing._repository", "pgqueuer.testing._driver")
