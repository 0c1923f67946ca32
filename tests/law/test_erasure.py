"""Erased is erased: no byte of them is left, and what was counted still adds up."""

from __future__ import annotations

from pathlib import Path

from engine.drill.drill import Ask
from engine.drill.erasure import erasure


def test_of_those_who_are_erased_nothing_is_left_and_the_figures_still_add_up(tmp_path: Path) -> None:
    found = erasure(Ask(tmp_path, scale=0.012))
    assert found.wrong == ()
    assert found.figures == {"people": 60, "erased": 6, "left": 0}
