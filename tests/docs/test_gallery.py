"""The page of starters is the one that the starters make."""

from __future__ import annotations

from pathlib import Path

from journeys.gallery import gallery

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_of_starters_is_up_to_date() -> None:
    made = gallery()
    stale = [name for name, text in made.items() if not _same(DOCS / name, text)]
    assert stale == [], "run: make journeys"
    assert {path.name for path in (DOCS / "journeys").iterdir()} == {name[9:] for name in made if name.endswith(".svg")}


def _same(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text
