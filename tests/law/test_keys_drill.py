"""Keys change under a store that is killed again and again: every value opens at every moment."""

from __future__ import annotations

from pathlib import Path

from engine.drill.drill import Ask
from engine.drill.keys import rotation


def test_a_change_of_keys_that_is_killed_leaves_every_value_readable_and_finishes(tmp_path: Path) -> None:
    found = rotation(Ask(tmp_path, scale=0.05, seed=3))
    assert found.wrong == ()
    assert found.figures["kills"] >= 2
