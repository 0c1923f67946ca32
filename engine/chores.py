"""What is done from time to time beside stepping, sending and learning: one list, for one machine or many.

Rules
- `CHORES` is the list; who has something to do from time to time adds a line to it and nothing else. `serve`,
  `serve --cluster` and `tick` all go by it.
- A chore is done once for all processes of a store: its row in `chores` says when it is due and who has it. Should
  its process be killed, another takes it over within a minute: doing one twice must do no harm.
- A chore keeps its own transactions short (`connect.writing`), asks `engine.clock` for the time, and leaves the models
  of `engine.teacher` alone: stepping uses them at the same time. What it imports of extras it imports when it runs.
- One that fails is tried again after a while (`AGAIN`) and delays no other.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from itertools import count
from typing import TYPE_CHECKING

import sqlalchemy as sa

from engine import gathering, interesting, noticing, retaining, tending, valuing
from engine.errors import StoreUnavailable
from engine.intake import tidying
from engine.store import choring
from engine.store.connect import reading, writing

if TYPE_CHECKING:
    from engine.engine import Engine

NIGHTLY = timedelta(days=1)
NIGHT = time(3)  # in the project's zone
AGAIN = timedelta(minutes=5)
"""When one that failed is tried again, if it is not due sooner."""

RENEW = choring.LEASE.total_seconds() / 4


@dataclass(frozen=True, slots=True)
class Periodic:
    """Something done every so often. `name`: a word, the key of its row. `every` NIGHTLY: at 03:00 of the project.

    `run` is given the engine and says in a line what it did, None when there was nothing. `sends`: it speaks to the
    world outside, so `--no-send` and `--dry-run` leave it out. The first time is at once; nightly: the next night.
    """

    name: str
    every: timedelta
    run: Callable[[Engine], str | None]
    sends: bool = False

    @property
    def beat(self) -> timedelta:
        """Return how often to ask whether it is due: each time for short ones, every minute for long ones."""
        return min(self.every, timedelta(minutes=1))


CHORES: tuple[Periodic, ...] = (
    Periodic("mail", tending.EVERY, tending.tend, sends=True),
    Periodic("webhooks", noticing.EVERY, noticing.announce, sends=True),
    Periodic("audiences", noticing.PUSH_EVERY, noticing.hand_over, sends=True),
    Periodic("interests", NIGHTLY, interesting.recount),
    Periodic("value", NIGHTLY, valuing.refresh),
    Periodic("targeting", NIGHTLY, gathering.refresh),
    Periodic("retention", NIGHTLY, retaining.nightly),
    Periodic("merges", NIGHTLY, tidying.forget),
)
"""Add yours here: `Periodic("value", NIGHTLY, value.refresh)`."""


@dataclass(frozen=True, slots=True)
class Done:
    """A chore that had its turn, and what it said."""

    name: str
    said: str | None = None


_turns = count()


def perform(engine: Engine, chore: Periodic) -> Done | None:
    """Do this chore if it is due and nobody else has it; None when there was nothing to do. Raises what it raises."""
    store, now = engine.store, engine.clock.now()
    if not _due(store, chore, now, engine.zone):
        return None
    owner = f"{socket.gethostname()[:40]}-{os.getpid()}-{next(_turns)}-{now.timestamp():.6f}"
    with writing(store) as conn:
        if not choring.take(conn, chore.name, owner, now):
            return None
    failed: str | None = "stopped in the middle"
    try:
        with _kept(engine, chore.name, owner):
            said = chore.run(engine)
        failed = None
    except Exception as error:
        failed = f"{type(error).__name__}: {error}"[:2000]
        raise
    finally:
        _give_back(engine, chore, owner, failed)
    return Done(chore.name, said)


def next_turn(chore: Periodic, now: datetime, zone: tzinfo) -> datetime:
    """Return when the chore is due after one that ended at `now`: nightly ones at the next NIGHT."""
    if chore.every < NIGHTLY:
        return now + chore.every
    local = now.astimezone(zone)
    night = datetime.combine(local.date(), NIGHT, zone)
    while night <= local:
        night = datetime.combine(night.date() + chore.every, NIGHT, zone)
    return night.astimezone(now.tzinfo)


def _due(store: sa.Engine, chore: Periodic, now: datetime, zone: tzinfo) -> bool:
    """Ask without writing first: nearly always nothing is due."""
    with reading(store) as conn:
        at = choring.due_at(conn, chore.name)
    if at is None:
        at = next_turn(chore, now, zone) if chore.every >= NIGHTLY else now
        with writing(store) as conn:
            choring.enter(conn, chore.name, at)
    return at <= now


@contextmanager
def _kept(engine: Engine, name: str, owner: str) -> Iterator[None]:
    """Renew the turn as long as the work goes on; a store that does not answer for a moment ends nothing."""
    over = threading.Event()

    def renew() -> None:
        while not over.wait(RENEW):
            try:
                with writing(engine.store) as conn:
                    choring.renew(conn, name, owner, engine.clock.now())
            except StoreUnavailable:
                continue

    thread = threading.Thread(target=renew, name=f"turn-{name}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _give_back(engine: Engine, chore: Periodic, owner: str, failed: str | None) -> None:
    now = engine.clock.now()
    next_at = next_turn(chore, now, engine.zone)
    if failed is not None:
        next_at = min(next_at, now + AGAIN)
    with writing(engine.store) as conn:
        choring.give_back(conn, chore.name, owner, (next_at, now, failed))
