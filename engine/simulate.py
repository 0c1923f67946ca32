"""Trying a journey out: the same engine on a store in memory, a clock that jumps, and channels that keep what they get.

Rules
- Nothing here knows what a journey does; it feeds events in and moves the clock.
- One contact goes from alarm to alarm, a population in steps of virtual time; both by the same tick.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from channels.captured import CapturedChannel
from engine.app import Options, build, usable
from engine.clock import SimulatedClock
from engine.engine import Engine, Limits, Ticked
from engine.pacing import Pacing
from engine.posting import Posted
from engine.store.connect import create, open_store, reading, writing
from engine.store.delivering import pending
from engine.store.intake import ConsentChange, NewEvent, change_consents, record
from engine.teaching import Taught
from journeys.project import Definitions

STEP = timedelta(minutes=15)
LEAVING = ("unsubscribed", "complained")
ENDED = ("sent", "failed", "expired", "suppressed")
LEARN_EVERY = timedelta(hours=1)
CROWD = Limits(contacts=5000, messages=5000, decisions=50_000)


@dataclass(slots=True)
class Virtual:
    """An engine on its own time. `clock` is the engine's clock; `captured` are its channels by name."""

    engine: Engine
    clock: SimulatedClock
    captured: dict[str, CapturedChannel]
    ticked: Ticked = field(default_factory=Ticked)
    posted: Posted = field(default_factory=Posted)
    taught: Taught = field(default_factory=Taught)
    learn_every: timedelta = LEARN_EVERY
    _learned_at: datetime | None = None
    _waiting: bool = True  # something may be in the outbox

    def take_over(self, engine: Engine) -> None:
        """Go on with this engine, built over the same store: nobody else is there, and nothing needs patience."""
        engine.post.pacing = Pacing()
        engine.teacher.alone = True
        self.engine = engine

    def act(self, *, learn: bool = True) -> None:
        """Do all that is due at this instant: step, send, and once an hour learn."""
        ticked = self.engine.drain()
        self.ticked = self.ticked + ticked
        self._deliver(bool(ticked.sends or ticked.calls))
        now = self.clock.now()
        if learn and (self._learned_at is None or now - self._learned_at >= self.learn_every):
            self._learned_at = now
            self.taught = self.taught + self.engine.learn()

    def _deliver(self, queued: bool) -> None:
        """Send what is due; an outbox that was left empty and got nothing new is not asked."""
        more = queued or self._waiting
        while more:
            posted = self.engine.deliver()
            self.posted = self.posted + posted
            more = posted.claimed >= self.engine.limits.messages
            ended = sum(posted.statuses.get(status, 0) for status in ENDED)
            self._waiting = ended < posted.claimed or (self._waiting and self._unsettled())

    def _unsettled(self) -> bool:
        with reading(self.engine.store) as conn:
            return bool(pending(conn))

    def feed(self, events: Sequence[NewEvent]) -> None:
        """Record what happened by now."""
        if events:
            with writing(self.engine.store) as conn:
                record(conn, events, self.clock.now(), self.engine.post.skip_after)


def virtual(
    definitions: Definitions, start: datetime, options: Options | None = None, clock: SimulatedClock | None = None
) -> Virtual:
    """Return the project's engine on a store in memory, with a clock (given, if channels share it) at `start`.

    A store that `options` bring is taken as it is.
    """
    project = usable(definitions)
    clock = clock or SimulatedClock(start)
    captured = {name: CapturedChannel(name) for name in [*project.channels, "webhook"]}
    given = options or Options()
    store = given.store or in_memory()
    full = replace(given, clock=clock, channels=given.channels or captured, store=store, follows=False)
    world = Virtual(build(definitions, full), clock, captured)
    world.take_over(world.engine)
    return world


def in_memory() -> sa.Engine:
    """Return an empty store in memory."""
    store = open_store("sqlite://")
    with writing(store) as conn:
        create(conn)
    return store


def hear(world: Virtual, events: Sequence[NewEvent]) -> None:
    """Record what happened; whoever unsubscribed or complained hears no more of this topic, or of any."""
    world.feed(events)
    left = [event for event in events if event.name in LEAVING]
    if left:
        topics = world.engine.project.topics
        changes = [
            ConsentChange(event.contact_id, topic, "", granted=False, source="simulated")
            for event in left
            for topic in topics
            if event.data.get("topic") in (None, topic)
        ]
        with writing(world.engine.store) as conn:
            change_consents(conn, changes, world.clock.now())


def run_events(world: Virtual, events: Iterable[NewEvent], until: datetime) -> None:
    """Play a script of events for one contact, from alarm to alarm, until `until`."""
    world.engine.segments.ready(world.engine.store, world.clock.now())  # who is in one before anything happens
    waiting = sorted(events, key=lambda event: (event.at or world.clock.now(), event.id))
    while True:
        alarm = world.engine.next_alarm()
        event_at = waiting[0].at if waiting else None
        at = min((x for x in (alarm, event_at) if x is not None), default=None)
        if at is None or at > until:
            break
        world.clock.jump(at)
        due = [event for event in waiting if (event.at or at) <= world.clock.now()]
        waiting = waiting[len(due) :]
        world.feed(due)
        world.act()
    world.clock.jump(until)
    world.act()
