"""One look: an enrollment with everything that a step may see, as one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from engine.core.chance import draw
from engine.core.model import Contact, Enrollment, Event, Moment, Snapshot
from journeys import Expression, Journey, Scope, State

LATE = timedelta(hours=1)
"""A transition that became true longer ago than this takes effect now: a late tick shifts a journey."""


@dataclass(frozen=True, slots=True)
class Look:
    journey: Journey
    enrollment: Enrollment
    snapshot: Snapshot
    moment: Moment
    history: Mapping[str, tuple[Event, ...]]  # the snapshot's events by name, oldest first
    fresh: tuple[Event, ...] = ()  # those that no walk has seen yet

    @property
    def state(self) -> State:
        return self.journey.states[self.enrollment.state]

    @property
    def point(self) -> str:
        """Return the name of this state as a decision point, "journey.state"."""
        return f"{self.journey.name}.{self.enrollment.state}"

    @property
    def spot(self) -> str:
        """Return the name of this run at this decision point: the key of what the shell laid in for it."""
        return f"{self.enrollment.id}.{self.enrollment.state}"

    @property
    def zone(self) -> tzinfo:
        return zone_for(self.snapshot.contact, self.journey, self.moment)

    def scope(self, event: Mapping[str, Any] | None = None) -> Scope:
        """Return what an expression may see from here."""
        enrollment = self.enrollment
        state = self.journey.states.get(enrollment.state)
        return Scope(
            now=self.moment.now,
            zone=self.zone,
            contact=self.snapshot.contact.attributes,
            entry=enrollment.entry,
            event=event or {},
            journey=enrollment.values,
            vars=self.journey.vars,
            params=state.vars if state else {},
            history=self.history,
            entry_at=enrollment.entered_at,
            state_at=enrollment.state_at,
            segments=self.moment.segments,
            traits=self.snapshot.traits,
            who=self.snapshot.contact.id,
        )

    def chance(self, what: str) -> float:
        """Return the draw of this state visit for `what`."""
        return draw(self.moment.seed, self.enrollment.key, what)

    def at(self, enrollment: Enrollment) -> Look:
        return Look(self.journey, enrollment, self.snapshot, self.moment, self.history, self.fresh)


def zone_for(contact: Contact, journey: Journey, moment: Moment) -> tzinfo:
    """Return the contact's zone, else the journey's, else the project's."""
    if contact.zone is not None:
        return contact.zone
    return ZoneInfo(journey.timezone) if journey.timezone else moment.zone


def effective(at: datetime, now: datetime) -> datetime:
    """Return the instant at which a transition that became true at `at` takes effect."""
    return at if now - at <= LATE else now


def literal(value: Any, scope: Scope) -> Any:
    """Return a written value as it is, or what its expression says."""
    return value.value(scope) if isinstance(value, Expression) else value


def literals(values: Mapping[str, Any], look: Look) -> dict[str, Any]:
    """Return written values by name, as `literal` does."""
    if not values:
        return {}
    scope = look.scope()
    return {name: literal(value, scope) for name, value in values.items()}
