from __future__ import annotations

import os
from pathlib import Path

from engine.presence import Mark


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
