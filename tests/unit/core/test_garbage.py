"""While a worker runs, the collector leaves what was there before it alone."""

from __future__ import annotations

import gc

from pgqueuer.core.worker.garbage import old_objects_left_alone


def test_what_was_there_is_frozen_until_the_end_of_the_first_block() -> None:
    assert gc.get_freeze_count() == 0
    with old_objects_left_alone():
        frozen = gc.get_freeze_count()
        with old_objects_left_alone():
            pass
        assert gc.get_freeze_count() > 0
    assert (frozen > 0, gc.get_freeze_count()) == (True, 0)
