"""Walk one contact: everything that is due for it now, one thing after the other, each seeing what the last one did.

Rules
- Things happen in the order of their own time; sends due in the same minute by priority (agenda.order): a total
  order that knows nothing of ticks or batches.
- A walk is a fold over the snapshot. It ends, because every wait lies in the future and chains without a wait are
  finite; LIMIT says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from engine.core.entry import at_the_door, enter, group_of
from engine.core.look import Look
from engine.core.model import Enrollment, Event, Journeys, Moment, Past, Send, Snapshot, Step
from engine.core.step import due, step
from journeys import Journey

LIMIT = 1000
"""Steps of one contact in one walk; more is a bug, and parks the contact."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What could happen next: an enrollment's step, or an event at a journey's door."""

    at: datetime
    look: Look
    event: Event | None = None

    @property
    def order(self) -> tuple[object, ...]:
        """Same minute: higher priority first; then earlier, by journey, door after run, by state and id."""
        minute = self.at.replace(second=0, microsecond=0)
        run = self.look.enrollment
        at_door = self.event is not None
        return minute, -self.look.journey.priority, self.at, run.journey, at_door, run.state, run.id


def walk(journeys: Journeys, snapshot: Snapshot, moment: Moment) -> Iterator[Step]:
    """Yield the steps of one contact at one moment, in order."""
    history = by_name(snapshot.events)
    fresh = tuple(event for event in snapshot.events if event.fresh)
    doors = [(journey, event) for event in fresh for journey in journeys.values() if event.name in journey.enter.events]
    for _ in range(LIMIT):
        turn = _next(journeys, (snapshot, moment, history, fresh), doors)
        if turn is None:
            return
        if turn.event is not None:
            doors.remove((turn.look.journey, turn.event))
            steps = enter(turn.look.journey, turn.event, turn.look)
        else:
            steps = (step(turn.look),)
        for found in steps:
            taken = unsent(snapshot, found)
            yield taken
            snapshot = after(snapshot, taken, turn.look)
    raise AssertionError(f"more than {LIMIT} steps at once: {snapshot.contact.id}")


def unsent(snapshot: Snapshot, taken: Step) -> Step:
    """Return the step; where it gives up a message that was drawn for later in the day, it says so.

    A person who left by themselves (a goal, an exit) was decided for all the same: the decision counts from when it
    was made. Where the gate refused, the message failed, and teaches nothing.
    """
    after = taken.enrollment
    for before in snapshot.enrollments:
        if before.drawn and before.id == after.id and before.key != after.key and not taken.sends:
            return replace(taken, unsent=(before.key, bool(taken.refusals)))
    return taken


def by_name(events: Iterable[Event]) -> dict[str, tuple[Event, ...]]:
    """Return the events by name, in the order given."""
    found: dict[str, list[Event]] = {}
    for event in events:
        found.setdefault(event.name, []).append(event)
    return {name: tuple(some) for name, some in found.items()}


Seen = tuple[Snapshot, Moment, Mapping[str, tuple[Event, ...]], tuple[Event, ...]]


def _next(journeys: Journeys, seen: Seen, doors: list[tuple[Journey, Event]]) -> Turn | None:
    """Return the turn that comes first among all that are due."""
    now = seen[1].now
    turns = [turn for turn in _runs(journeys, seen) if turn.at <= now]
    turns += [turn for journey, event in doors if (turn := _door(journey, event, seen)).at <= now]
    if len(turns) < 2:  # the usual case: nothing to compare
        return turns[0] if turns else None
    return min(turns, key=lambda turn: turn.order)


def _runs(journeys: Journeys, seen: Seen) -> Iterator[Turn]:
    snapshot, moment, history, fresh = seen
    for enrollment in snapshot.enrollments:
        if enrollment.status == "active":
            look = Look(journeys[enrollment.journey], enrollment, snapshot, moment, history, fresh)
            yield Turn(due(look), look)


def _door(journey: Journey, event: Event, seen: Seen) -> Turn:
    snapshot, moment, history, fresh = seen
    group = group_of(journey, snapshot.contact.id, moment.seed, moment.holdout)
    door = at_the_door(journey, event, snapshot.contact.id, group)
    return Turn(event.at, Look(journey, door, snapshot, moment, history, fresh), event)


def after(snapshot: Snapshot, taken: Step, look: Look) -> Snapshot:
    """Return the snapshot as the next step must see it."""
    enrollment = taken.enrollment
    contact = snapshot.contact
    if taken.changes:
        contact = replace(contact, attributes={**contact.attributes, **taken.changes})
    sent = tuple(past(send, look) for send in taken.sends if not send.shadow)
    ended = snapshot.ended
    if enrollment.status == "left" and enrollment.left_at is not None:
        runs, _ = ended.get(enrollment.journey, (0, None))
        ended = {**ended, enrollment.journey: (runs + 1, enrollment.left_at)}
    return Snapshot(
        contact, _replaced(snapshot.enrollments, enrollment), snapshot.events, (*snapshot.recent, *sent),
        snapshot.scores, snapshot.features, snapshot.kept, ended, snapshot.lately, snapshot.hours,
        snapshot.traits,
    )  # fmt: skip


def past(send: Send, look: Look) -> Past:
    return Past(send.key, send.message, send.channel, send.topic, look.moment.now, send.counted)


def _replaced(enrollments: tuple[Enrollment, ...], changed: Enrollment) -> tuple[Enrollment, ...]:
    """Return the enrollments still on their way, with `changed` in place (or added, or gone once it has left)."""
    others = tuple(e for e in enrollments if e.id != changed.id)
    return others if changed.status == "left" else (*others, changed)
