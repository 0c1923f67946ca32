"""The learner beside the engine: which policy serves each decision point, the scores it gives, what it is taught.

Rules
- Policies are versions in the store; a tick notices a new one by its number, so any process may be the learner.
- A model that cannot be read is said once, and the point goes on with uniform chances.
- Scores are computed set-wise before the walk and laid into the snapshots; the core never calls out.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from engine.core.attribution import reward
from engine.core.chance import name
from engine.core.look import Look
from engine.core.model import Enrollment, Moment, Outcome, Policy, Reward, Snapshot
from engine.core.policy import Fixed, Uniform
from engine.core.walk import by_name
from engine.errors import LearnerError
from engine.learner.features import arm_features, arms_of, encode
from engine.learner.lessons import Lesson, lesson, teach
from engine.learner.models import KINDS, Model, load_model, new_model, settings_for
from engine.store import learning
from engine.store.connect import reading, writing
from engine.store.learning import PolicyRow
from journeys import Choose, Journey
from journeys.edges import edges

LOG = logging.getLogger("sojourn")

KNOWN_LINES = 50_000
"""Most contexts whose scores are kept; a new lesson forgets them all."""


@dataclass(frozen=True, slots=True)
class Taught:
    """What one pass of the learner did."""

    looked_at: int = 0
    taught: int = 0
    closed: int = 0
    published: tuple[str, ...] = ()  # policy versions

    def __add__(self, other: Taught) -> Taught:
        return Taught(
            self.looked_at + other.looked_at,
            self.taught + other.taught,
            self.closed + other.closed,
            self.published + other.published,
        )


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
class Teacher:
    """Models and policies of every decision point of the deployed journeys."""

    journeys: Mapping[str, Journey]
    policies: dict[str, Policy] = field(default_factory=dict)
    models: dict[str, Model] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)
    alone: bool = False  # nobody else publishes into this store: a simulation
    _warm: set[str] = field(default_factory=set)
    _points: dict[str, Choose] = field(default_factory=dict)
    _names: tuple[str, ...] = ()
    _looked: bool = False
    _scored: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)  # by point and features
    _counted: dict[str, int] | None = None  # warm-up counts, until somebody draws
    _ahead: dict[str, dict[str, Choices]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._ahead = {name: ahead(journey) for name, journey in self.journeys.items()}
        self._points = {f"{j.name}.{state}": choose for j in self.journeys.values() for state, choose in j.choices}
        self._names = tuple(sorted({event for choose in self._points.values() for event in choose.reward.score}))
        for point, choose in self._points.items():
            if choose.explore.policy == "random":
                self.policies[point] = Uniform()
            elif choose.explore.policy == "fixed":
                self.policies[point] = Fixed("fixed", choose.explore.shares or {})

    def refresh(self, store: sa.Engine) -> None:
        """Take up policies that were published since the last look."""
        if not self._points or (self.alone and self._looked):
            return
        self._looked = True
        with reading(store) as conn:
            numbers = learning.numbers(conn)
            if all(self.numbers.get(point) == number for point, number in numbers.items() if point in self._points):
                return
            for point, row in learning.newest(conn).items():
                if point in self._points and self.numbers.get(point) != row.number:
                    self._take_up(row)

    def _take_up(self, row: PolicyRow) -> None:
        self.numbers[row.point] = row.number
        kind = self._points[row.point].explore.policy
        if row.kind != kind or kind not in KINDS:
            return
        try:
            model = load_model(kind, row.model, settings_for(self._points[row.point]))
            self._serve(row.point, model, row.number)
        except LearnerError as error:
            LOG.warning("%s decides with uniform chances: %s", row.point, error)
            self.policies.pop(row.point, None)
            self.models.pop(row.point, None)

    def _serve(self, point: str, model: Model, number: int) -> None:
        self._scored.pop(point, None)
        self.models[point] = model
        self.numbers[point] = number
        self.policies[point] = model.policy(f"{model.kind}@{number}")

    def decided(self, conn: sa.Connection) -> dict[str, int]:
        """Return the decisions so far of points in warm-up; a point past it stays past it."""
        limits = {
            point: choose.explore.warmup
            for point, choose in self._points.items()
            if point not in self._warm and choose.explore.policy in KINDS
        }
        if self._counted is None or not self.alone:
            self._counted = learning.counts(conn, {point: limit for point, limit in limits.items() if limit})
        counts = self._counted
        for point, limit in limits.items():
            if counts.get(point, 0) >= limit:
                self._warm.add(point)
        return {point: choose.explore.warmup for point, choose in self._points.items() if point in self._warm} | {
            point: count for point, count in counts.items() if point not in self._warm
        }

    def drew(self) -> None:
        """Count the warm-up again before the next decision."""
        self._counted = None

    def laid(self, snapshots: Sequence[Snapshot], moment: Moment) -> list[Snapshot]:
        """Return the snapshots with features, and scores where a model serves, for every choice they may reach."""
        if not self._points:
            return list(snapshots)
        spots = [[*self._spots(snapshot, moment)] for snapshot in snapshots]
        scores = self._scores(spot for mine in spots for spot in mine)
        return [
            replace(
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
                yield f"{enrollment.id}.{state}", f"{journey.name}.{state}", encode(choose, scope)

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
        """Ask the model what it was not asked since it last learned: people wait with the same features for hours."""
        if not new:
            return {}
        try:
            rows = self.models[point].scores(new, arms_of(self._points[point]))
        except LearnerError as error:
            LOG.warning("%s decides with uniform chances: %s", point, error)
            self.policies.pop(point, None)
            return {}
        return dict(zip(new, rows, strict=True))

    def learn(self, store: sa.Engine, now: datetime, limit: int) -> Taught:
        """Reward what is due, teach it, publish new versions; one transaction."""
        if not self._points:
            return Taught()
        self.refresh(store)
        with writing(store) as conn:
            outcomes = learning.claim(conn, now, limit, self._names)
            if not outcomes:
                return Taught()
            rewards = [self._earned(outcome, now) for outcome in outcomes]
            taught = self._teach(outcomes, rewards)
            learning.commit(conn, rewards, taught)
            points = {o.decision.point for o in outcomes if o.decision.key in taught}
            published = tuple(self._publish(conn, point, now) for point in sorted(points & self.models.keys()))
        closed = sum(one.closed for one in rewards)
        return Taught(len(outcomes), len(taught), closed, published)

    def _earned(self, outcome: Outcome, now: datetime) -> Reward:
        choose = self._points.get(outcome.decision.point)
        if choose is None or outcome.void:
            return Reward(outcome.decision.key, 0.0, closed=now >= outcome.closes_at)
        return reward(outcome, choose.reward, now)

    def _teach(self, outcomes: Sequence[Outcome], rewards: Sequence[Reward]) -> dict[str, float]:
        """Teach each point its lessons in the order of the decisions; return what was told, by decision."""
        lessons: dict[str, list[tuple[str, Lesson]]] = {}
        for outcome, earned in zip(outcomes, rewards, strict=True):
            if self._learns_from(outcome):
                arm = self._arm(outcome)
                lessons.setdefault(outcome.decision.point, []).append((earned.key, lesson(outcome, earned, arm)))
        told: dict[str, float] = {}
        for point, some in lessons.items():
            due = [(key, one) for key, one in some if one.due]
            if due and self._taught(point, [one for _, one in due]):
                told.update({key: one.reward for key, one in due})
        return told

    def _learns_from(self, outcome: Outcome) -> bool:
        choose = self._points.get(outcome.decision.point)
        heard = outcome.decision.group in ("learner", "baseline", "random") and not outcome.void
        return heard and choose is not None and choose.learn and choose.explore.policy in KINDS

    def _arm(self, outcome: Outcome) -> str:
        arms = {arm.id: arm for arm in self._points[outcome.decision.point].arms}
        arm = arms.get(outcome.decision.arm)
        return arm_features(arm) if arm is not None else f"m={name(outcome.decision.arm)}"

    def _taught(self, point: str, lessons: Sequence[Lesson]) -> bool:
        choose = self._points[point]
        model = self.models.get(point) or new_model(choose.explore.policy, settings_for(choose))
        self._scored.pop(point, None)
        try:
            teach(model, lessons)
        except LearnerError as error:
            LOG.warning("%s was not taught: %s", point, error)
            return False
        self.models[point] = model
        return True

    def _publish(self, conn: sa.Connection, point: str, now: datetime) -> str:
        model = self.models[point]
        number = self.numbers.get(point, 0) + 1
        settings: dict[str, Any] = dict(model.settings)
        raw = model.dumps()
        row = PolicyRow(point, number, model.kind, raw, model.weight_hash(), settings, model.learned, now)
        learning.publish(conn, row)
        self._serve(point, model, number)
        return f"{point} {model.kind}@{number}"


def _coming(journey: Journey, contact_id: str, event: tuple[str, datetime, Mapping[str, Any]]) -> Enrollment:
    """Return the run that an event at the door would start, as far as features look at it."""
    id_, at, data = event
    return Enrollment(
        name(contact_id, journey.name, id_), contact_id, journey.name, journey.version, journey.start, at, at, None,
        id_, entry=data,
    )  # fmt: skip
