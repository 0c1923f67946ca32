"""Features and scores of every choice that a walk may reach, laid into the snapshots before it.

Rules
- Scores are computed set-wise; the core never calls out.
- A context is scored once between two lessons: people wait with the same features for hours.
- A model that cannot score is said once, and its point goes on with uniform chances.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from engine.core.behaviour import behaviour
from engine.core.chance import name
from engine.core.look import Look
from engine.core.model import Enrollment, Moment, Policy, Snapshot
from engine.core.walk import by_name
from engine.errors import LearnerError
from engine.learner.features import arms_of, encode
from engine.learner.models import Model
from journeys import Choose, Journey
from journeys.edges import edges
from journeys.frozen import altered

LOG = logging.getLogger("sojourn")

KNOWN_LINES = 50_000
"""Most contexts whose scores are kept; a new lesson forgets them all."""

Choices = tuple[tuple[str, Choose], ...]


def ahead(journey: Journey) -> dict[str, Choices]:
    """Return, for every state, the decision points that a run in it may still reach (its own included)."""
    after: dict[str, set[str]] = {name: {jump.then for jump in journey.jumps} for name in journey.states}
    for edge in edges(journey):
        after[edge.source].add(edge.target)
    return {name: tuple(c for c in journey.choices if c[0] in _from(name, after)) for name in journey.states}


def _from(start: str, after: Mapping[str, set[str]]) -> set[str]:
    found, left = {start}, [start]
    while left:
        new = after.get(left.pop(), set()) - found
        found |= new
        left += new
    return found


@dataclass(slots=True)
class Layer:
    """Which model and policy serve each decision point ("journey.state"), and what they make of a context."""

    journeys: Mapping[str, Journey]
    policies: dict[str, Policy] = field(default_factory=dict)
    models: dict[str, Model] = field(default_factory=dict)
    _points: dict[str, Choose] = field(default_factory=dict)
    _scored: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)  # by point and features
    _ahead: dict[str, dict[str, Choices]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._ahead = {name: ahead(journey) for name, journey in self.journeys.items()}
        self._points = {f"{j.name}.{state}": choose for j in self.journeys.values() for state, choose in j.choices}

    def serve(self, point: str, model: Model, policy: Policy) -> None:
        """Let this model decide from now on."""
        self._scored.pop(point, None)
        self.models[point] = model
        self.policies[point] = policy

    def drop(self, point: str) -> None:
        """Let nothing but chance decide."""
        self._scored.pop(point, None)
        self.models.pop(point, None)
        self.policies.pop(point, None)

    def laid(self, snapshots: Sequence[Snapshot], moment: Moment) -> list[Snapshot]:
        """Return the snapshots with features, and scores where a model serves, for every choice they may reach."""
        if not self._points:
            return list(snapshots)
        spots = [[*self._spots(snapshot, moment)] for snapshot in snapshots]
        scores = self._scores(spot for mine in spots for spot in mine)
        return [
            altered(
                snapshot,
                features={spot: line for spot, _, line in mine},
                scores={spot: scores[point, line] for spot, point, line in mine if (point, line) in scores},
            )
            if mine
            else snapshot
            for snapshot, mine in zip(snapshots, spots, strict=True)
        ]

    def _spots(self, snapshot: Snapshot, moment: Moment) -> Iterator[tuple[str, str, str]]:
        """Yield (spot, point, features) of every choice that a run of this contact may reach in this walk."""
        history = by_name(snapshot.events)
        for journey, enrollment in self._runs(snapshot):
            look = Look(journey, enrollment, snapshot, moment, history)
            scope = look.scope()
            for state, choose in self._ahead[journey.name][enrollment.state]:
                yield (
                    f"{enrollment.id}.{state}",
                    f"{journey.name}.{state}",
                    encode(choose, scope, behaviour(look, choose)),
                )

    def _runs(self, snapshot: Snapshot) -> Iterator[tuple[Journey, Enrollment]]:
        contact_id = snapshot.contact.id
        for enrollment in snapshot.enrollments:
            journey = self.journeys.get(enrollment.journey)
            if journey is not None and enrollment.status == "active" and journey.choices:
                yield journey, enrollment
        for event in snapshot.events:
            for journey in self.journeys.values() if event.fresh else ():
                if event.name in journey.enter.events and journey.choices:
                    yield journey, _coming(journey, contact_id, (event.id, event.at, event.data))

    def _scores(self, spots: Iterable[tuple[str, str, str]]) -> dict[tuple[str, str], dict[str, float]]:
        """Return the scores of every (point, features) that a model serves, each computed once."""
        lines: dict[str, dict[str, None]] = {}
        for _, point, line in spots:
            if point in self.models:
                lines.setdefault(point, {})[line] = None
        found: dict[tuple[str, str], dict[str, float]] = {}
        for point, asked in lines.items():
            known = self._scored.setdefault(point, {})  # a learner beside us may put another one in its place
            if len(known) > KNOWN_LINES:
                known.clear()
            known.update(self._asked(point, [line for line in asked if line not in known]))
            found.update({(point, line): known[line] for line in asked if line in known})
        return found

    def _asked(self, point: str, new: Sequence[str]) -> dict[str, dict[str, float]]:
        """Ask the model what it was not asked since it last learned."""
        if not new:
            return {}
        try:
            rows = self.models[point].scores(new, arms_of(self._points[point]))
        except LearnerError as error:
            LOG.warning("%s decides with uniform chances: %s", point, error)
            self.policies.pop(point, None)
            return {}
        return dict(zip(new, rows, strict=True))


def _coming(journey: Journey, contact_id: str, event: tuple[str, datetime, Mapping[str, Any]]) -> Enrollment:
    """Return the run that an event at the door would start, as far as features look at it."""
    id_, at, data = event
    return Enrollment(
        name(contact_id, journey.name, id_), contact_id, journey.name, journey.version, journey.start, at, at, None,
        id_, entry=data,
    )  # fmt: skip
