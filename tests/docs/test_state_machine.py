"""The page on the life of a job, its drawing and the library agree."""

from __future__ import annotations

from pgqueuer.domain.lifecycle import TRANSITIONS
from scripts import state_machine


def test_the_page_has_the_transitions_of_the_library() -> None:
    assert state_machine.PAGE.read_text(encoding="utf-8") == state_machine.page()


def test_the_drawing_has_the_transitions_of_the_library() -> None:
    drawn = state_machine.IMAGE.read_text(encoding="utf-8")
    assert drawn == state_machine.drawing()
    for transition in TRANSITIONS:
        assert transition.name in drawn


def test_transitions_with_one_name_are_one() -> None:
    names = [transition.name for transition in TRANSITIONS]
    assert len(set(names)) == len(names)
