"""What sending needs from time to time: mail that came back, addresses whose rest is over, journeys that do harm."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from engine.guarding import guard
from engine.mailboxes import collect
from engine.store.connect import reading, writing
from engine.store.softening import over, wake

if TYPE_CHECKING:
    from engine.engine import Engine

EVERY = timedelta(minutes=1)


def tend(engine: Engine) -> str | None:
    """Do all of it; say what there was."""
    now = engine.clock.now()
    came_back = collect(engine)
    with reading(engine.store) as conn:
        due = over(conn, now)
    awake = 0
    if due:
        with writing(engine.store) as conn:
            awake = wake(conn, engine.post.terms.digest, now)
    paused = guard(engine.store, engine.journeys, now)
    said = [came_back, f"{awake:,} addresses have rested" if awake else None, *paused]
    return "; ".join(one for one in said if one) or None
