"""What a decision has earned: which of the contact's events belong to it, and what they are worth.

Rules
- The window is (starts_at, closes_at]: what happens at the instant of the send is not its effect.
- What a message does to its reader counts for the decision of that message only, and once: the second click on
  the same message is the same success. Everything else (a purchase) counts for every decision whose window
  holds it, `nothing` included; otherwise doing nothing could never earn.
- A score that cannot be read is worth 0, so one strange event cannot spoil what a model knows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from engine.core.model import Event, Outcome, Reward
from journeys import Reward as Terms
from journeys import Scope

OF_ITS_MESSAGE = frozenset({"clicked", "opened", "replied", "unsubscribed", "complained", "bounced"})


def reward(outcome: Outcome, spec: Terms, now: datetime) -> Reward:
    """Return the reward known by now: the sum of the scores less the arm's cost, clipped."""
    counted = tuple(earning(outcome, spec, now))
    earned = math.fsum(_score(event, outcome, spec) for event in counted) - outcome.decision.cost
    return Reward(
        key=outcome.decision.key,
        value=_clip(earned if math.isfinite(earned) else 0.0, spec.clip),
        closed=now >= outcome.closes_at,
        events=tuple(event.id for event in counted),
    )


def earning(outcome: Outcome, spec: Terms, now: datetime) -> Iterator[Event]:
    """Yield the events that count for this decision, oldest first."""
    until = min(outcome.closes_at, now)
    once: set[str] = set()
    for event in sorted(outcome.events, key=lambda event: (event.at, event.id)):
        if event.name not in spec.score or not outcome.starts_at < event.at <= until:
            continue
        if event.name in OF_ITS_MESSAGE:
            if event.data.get("key") != outcome.decision.key or event.name in once:
                continue
            once.add(event.name)
        yield event


def _score(event: Event, outcome: Outcome, spec: Terms) -> float:
    scope = Scope(
        now=event.at,
        zone=UTC,
        contact=outcome.attributes,
        entry=outcome.entry,
        event=event.data,
        state_at=outcome.decision.at,
    )
    return _number(spec.score[event.name].value(scope))


def _number(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return number if math.isfinite(number) else 0.0


def _clip(value: float, bounds: tuple[float, float] | None) -> float:
    return value if bounds is None else min(max(value, bounds[0]), bounds[1])
