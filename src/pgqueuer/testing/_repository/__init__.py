"""The chapters of `RepositoryConformance`, one for each concern."""

import pytest

pytest.register_assert_rewrite(__name__)
