"""What intake drops from time to time: the notes by which merges can be taken back, once they cannot be any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.store.connect import writing
from engine.store.merging import forget_moves

if TYPE_CHECKING:
    from engine.engine import Engine


def forget(engine: Engine) -> str | None:
    """Drop the notes of merges that are older than thirty days."""
    with writing(engine.store) as conn:
        count = forget_moves(conn, engine.clock.now())
    return f"{count:,} notes of old merges dropped" if count else None
