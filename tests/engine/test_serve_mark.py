from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from engine.engine import Ticked
from engine.presence import Mark
from engine.serve import Passing


def test_the_second_to_serve_a_store_learns_who_was_first(tmp_path: Path):
    first = Mark(tmp_path / "sojourn.db")
    second = Mark(tmp_path / "sojourn.db")
    assert first.other == ""
    assert second.other == str(os.getpid())
    second.remove()
    assert (tmp_path / "sojourn.db.serving").exists()
    first.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_mark_that_a_killed_process_left_is_taken_over(tmp_path: Path):
    (tmp_path / "sojourn.db.serving").write_text("1234567")
    mark = Mark(tmp_path / "sojourn.db")
    assert mark.other == ""
    assert (tmp_path / "sojourn.db.serving").read_text() == str(os.getpid())
    mark.remove()


def test_a_pass_that_is_ended_between_two_pieces_is_told_with_what_it_did():
    passing: Passing[Ticked] = Passing()
    now = datetime(2026, 3, 4, tzinfo=UTC)
    assert passing.add(Ticked(due=3), now, more=True) is None
    assert passing.rest(now) == (Ticked(due=3), 0.0)
    assert passing.rest(now) is None
    assert passing.add(Ticked(due=1), now, more=False) == (Ticked(due=1), 0.0)
