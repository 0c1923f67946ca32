"""Once a night, what is older than `retention` keeps goes; who has long been silent is proposed, never erased."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from engine.store import auditing, retention
from engine.store.connect import reading, writing
from engine.store.retention import Spans

if TYPE_CHECKING:
    from engine.engine import Engine

PROPOSED: Final = 100_000  # people of one proposal


def spans(engine: Engine) -> Spans:
    """Return how long what is kept: as sojourn.yaml says, and as far as journeys and segments look back."""
    said = engine.project.retention
    return Spans(said["events"], said["renders"], said["log"], engine.needs.history)


def due(engine: Engine) -> dict[str, int]:
    """Return how many rows would go now; nothing is changed."""
    with reading(engine.store) as conn:
        return retention.counts(conn, retention.doomed(spans(engine), engine.clock.now()))


def sweep(engine: Engine) -> dict[str, int]:
    """Let go of what is old, batch by batch; return how many rows went, by name."""
    now = engine.clock.now()
    what = retention.doomed(spans(engine), now)
    gone = {name: _all(engine, what, name) for name in what}
    gone = {name: count for name, count in gone.items() if count}
    if gone:
        with writing(engine.store) as conn:
            auditing.note(conn, "retention", gone, now)
    return gone


def _all(engine: Engine, what: retention.Doomed, name: str) -> int:
    total = 0
    while True:
        with writing(engine.store) as conn:
            count = retention.sweep(conn, what, name)
        total += count
        if count < retention.BATCH:
            return total


def nightly(engine: Engine) -> str | None:
    """Do what the night does; return a line about it."""
    gone = sweep(engine)
    return "old rows went: " + ", ".join(f"{name} {count:,}" for name, count in gone.items()) if gone else None


def silent(engine: Engine) -> tuple[int, list[str], timedelta]:
    """Return how many people have long been silent, the ids of the first, and how long that is."""
    span = engine.project.retention["inactive"]
    since: datetime = engine.clock.now() - span
    with reading(engine.store) as conn:
        return (*retention.inactive(conn, since, PROPOSED), span)
