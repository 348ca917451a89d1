from __future__ import annotations

import psqlpy

import pgqueuer_psqlpy


def test_the_package_says_what_it_is_for() -> None:
    assert psqlpy.__name__ in (pgqueuer_psqlpy.__doc__ or "")
