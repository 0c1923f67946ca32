"""The learner beside the engine: which policy serves each decision point, and what its models are taught.

Rules
- Policies are versions in the store; a tick notices a new one by its number, so any process may be the learner.
- Each point has an incumbent, which decides, and a challenger, which learns the same lessons and whose chances are
  logged beside the incumbent's. Which is which, the file says, or a promotion.
- A pass is one transaction that holds the rows of its points: a model has one writer.
- A model that cannot be read is said once; the point goes on with uniform chances until it is made from the log.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo

import sqlalchemy as sa

from engine import nightly, watching
from engine.core.model import Decision, Moment, Outcome, Policy, Snapshot
from engine.core.policy import Fixed, Uniform
from engine.errors import LearnerError
from engine.laying import Layer
from engine.learner.delays import fitted
from engine.learner.lessons import Lesson, Open
from engine.learner.models import KINDS
from engine.marking import Delays, Lessons, Marker
from engine.pupil import Pupil, incumbent, kinds
from engine.serving import Around
from engine.shadowing import shadows
from engine.store import learning, policies, stopping
from engine.store import lessons as log
from engine.store import shadows as shadow_log
from engine.store.arms import sent_before
from engine.store.connect import reading, writing
from engine.store.lessons import Pass
from engine.store.policies import PointRow, PolicyRow, Role
from engine.warming import Warming, warming
from journeys import Choose, Journey

LOG = logging.getLogger("sojourn")

DELAYS_OF = timedelta(days=28)
MOST_OPEN = 50_000
"""Most open decisions that a serving copy knows: the newest."""


@dataclass(frozen=True, slots=True)
class Taught:
    """What one pass of the learner did."""

    looked_at: int = 0
    taught: int = 0
    closed: int = 0
    published: tuple[str, ...] = ()  # policy versions
    stopped: tuple[str, ...] = ()  # arms taken out, "journey.state arm"

    def __add__(self, other: Taught) -> Taught:
        return Taught(
            self.looked_at + other.looked_at,
            self.taught + other.taught,
            self.closed + other.closed,
            self.published + other.published,
            self.stopped + other.stopped,
        )


@dataclass(slots=True)
class Teacher:
    """Models and policies of every decision point of the deployed journeys."""

    journeys: Mapping[str, Journey]
    zone: tzinfo = UTC  # in which nights are counted
    alone: bool = False  # nobody else publishes into this store: a simulation, which has no nights
    pupils: dict[tuple[str, str], Pupil] = field(default_factory=dict)
    stopped: frozenset[tuple[str, str]] = frozenset()  # arms that are out for everyone
    standing: dict[str, PointRow] = field(default_factory=dict)
    watch: watching.Watch = field(init=False)
    marker: Marker = field(init=False)
    layer: Layer = field(init=False)
    _warm: set[str] = field(default_factory=set)
    _points: dict[str, Choose] = field(default_factory=dict)
    _looked: bool = False
    _served: dict[str, str] = field(default_factory=dict)  # by point: the version that decides
    _warming: Warming = field(init=False)
    _counted: dict[str, int] | None = None  # warm-up counts, until somebody draws

    def __post_init__(self) -> None:
        self.layer = Layer(self.journeys)
        self._points = {f"{j.name}.{state}": choose for j in self.journeys.values() for state, choose in j.choices}
        self.marker = Marker(self._points)
        self.watch = watching.Watch(self._points)
        self._warming = warming(self.journeys.values())
        for point, choose in self._points.items():
            self._rest(point, choose)
            for kind in self.kinds(point):
                self.pupils[point, kind] = Pupil(point, kind, choose)

    def _rest(self, point: str, choose: Choose) -> None:
        """Let decide what needs no model."""
        self.layer.drop(point)
        if choose.explore.policy == "random":
            self.policies[point] = Uniform()
        elif choose.explore.policy == "fixed":
            self.policies[point] = Fixed("fixed", choose.explore.shares or {})

    @property
    def points(self) -> Mapping[str, Choose]:
        return self._points

    @property
    def policies(self) -> dict[str, Policy]:
        return self.layer.policies

    def incumbent(self, point: str) -> str:
        """Return the kind of policy that decides."""
        return incumbent(self._points[point], self.standing.get(point))

    def kinds(self, point: str) -> tuple[str, ...]:
        """Return the kinds of model that learn at a point: the incumbent first, then the challenger."""
        return kinds(self._points[point], self.standing.get(point))

    # what serves

    def refresh(self, store: sa.Engine) -> None:
        """Take up policies that were published, promoted or pinned, and arms that were stopped, since the last look."""
        if not self._points or (self.alone and self._looked):
            return
        self._looked = True
        with reading(store) as conn:
            self.take_up(conn, policies.standing(conn))
            self.stopped = stopping.stopped(conn)

    def take_up(self, conn: sa.Connection, standing: Mapping[str, PointRow]) -> None:
        """Take up what was published and settled; `standing` is what `policies.standing` says."""
        changed = {p for p in self._points if self.standing.get(p, PointRow(p)) != standing.get(p, PointRow(p))}
        self.standing = dict(standing)
        for point in changed:
            for kind in self.kinds(point):
                self.pupils.setdefault((point, kind), Pupil(point, kind, self._points[point]))
        numbers = policies.numbers(conn)
        behind = {at for at, pupil in self.pupils.items() if numbers.get(at, 0) > pupil.number}
        for row in policies.newest(conn, behind) if behind else ():
            self.pupils[row.point, row.kind].take_up(row)
        for point in sorted(changed | {point for point, _ in behind}):
            self._serve(conn, point)

    def _serve(self, conn: sa.Connection, point: str) -> None:
        """Let the incumbent decide, or the version that is pinned."""
        row = self.standing.get(point)
        pinned = row.pinned if row is not None else None
        pupil = self.pupils.get((point, self.incumbent(point)))
        if pinned is not None:
            pupil = self._pinned(conn, point, pinned)
        if pupil is None or pupil.new:
            self._rest(point, self._points[point])
        else:
            self._decide_by(point, pupil)

    def _pinned(self, conn: sa.Connection, point: str, number: int) -> Pupil | None:
        row = policies.policy_of(conn, point, number)
        if row is None or row.kind not in KINDS:
            return None
        pupil = Pupil(point, row.kind, self._points[point])
        pupil.take_up(row)
        return pupil

    def _decide_by(self, point: str, pupil: Pupil) -> None:
        try:
            self.layer.serve(point, pupil.decides, pupil.decides.policy(pupil.version))
        except LearnerError as error:
            LOG.warning("%s decides with uniform chances: %s", point, error)
            self.layer.drop(point)

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
        return self.layer.laid(snapshots, moment)

    # what is taught

    def learn(self, store: sa.Engine, now: datetime, limit: int) -> Taught:
        """Reward what is due, teach it, publish new versions, take harmful arms out; once a night make models anew."""
        if not self._points:
            return Taught()
        taught = self._learn(store, now, limit)
        if self.alone:
            return taught
        if nightly.begin(store, self.standing, self._points, now):
            with reading(store) as conn:
                self.take_up(conn, policies.standing(conn))
        nights = nightly.due(self.standing, self._points, now, self.zone)
        return taught + Taught(published=nightly.night(self, store, now, nights)) if nights else taught

    def _learn(self, store: sa.Engine, now: datetime, limit: int) -> Taught:
        """Make one pass, in one transaction."""
        with writing(store) as conn:
            outcomes = learning.claim(conn, now, limit, self.marker.names)
            if not outcomes:
                return Taught(stopped=self._stop(conn, now))
            self.take_up(conn, policies.hold(conn, self._points))
            rewards = [self.marker.earned(outcome, now) for outcome in outcomes]
            shadow_log.write(conn, list(self._shadows(conn, outcomes, now)))
            lessons, delays = self.marker.lessons(outcomes, rewards)
            learning.commit(conn, rewards, {told.key: told.reward for some in lessons.values() for told, _ in some})
            published = self._taught(conn, lessons, (delays, now))
            stopped = self._stop(conn, now)
        taught, closed = sum(map(len, lessons.values())), sum(one.closed for one in rewards)
        return Taught(len(outcomes), taught, closed, published, stopped)

    def _stop(self, conn: sa.Connection, now: datetime) -> tuple[str, ...]:
        found = self.watch.look(conn, now)
        if found:
            self.stopped = stopping.stopped(conn)
        return found

    def _shadows(self, conn: sa.Connection, outcomes: Sequence[Outcome], now: datetime) -> Iterator[shadow_log.Shadow]:
        """Yield what the challengers would have drawn from, where they are asked for the first time."""
        first: dict[str, list[Decision]] = defaultdict(list)
        for outcome in outcomes:
            if outcome.learned is None and outcome.decision.point in self._warm and self.marker.teaches(outcome):
                first[outcome.decision.point].append(outcome.decision)
        pairs = {point: [self.pupils[point, kind] for kind in self.kinds(point)] for point in first}
        pairs = {point: pair for point, pair in pairs.items() if len(pair) == 2 and not any(one.new for one in pair)}
        if pairs:
            keys = [one.key for point in pairs for one in first[point]]
            around = Around(sent_before(conn, keys), self.new_arms(conn, now))
        for point, (serves, other) in pairs.items():
            yield from shadows((serves, other), first[point], around)

    def new_arms(self, conn: sa.Connection, now: datetime) -> frozenset[tuple[str, str]]:
        """Return the arms that get the share of the new, as ("journey.state", arm)."""
        return self._warming.arms(conn, now)

    def _taught(self, conn: sa.Connection, lessons: Lessons, and_when: tuple[Delays, datetime]) -> tuple[str, ...]:
        """Write the lessons down, teach them to every pupil of their points, publish what they became."""
        delays, now = and_when
        before = log.highest(conn, lessons)
        passes = [
            Pass(point, before.get(point, 0) + 1, now, tuple(told for told, _ in some), delays.get(point, {}))
            for point, some in lessons.items()
        ]
        log.append(conn, passes)
        pupils = [self.pupils[one.point, kind] for one in passes for kind in self.kinds(one.point)]
        self._time(conn, pupils, now)
        for one in passes:
            some = [lesson for _, lesson in lessons[one.point]]
            for kind in self.kinds(one.point):
                self._teach(conn, self.pupils[one.point, kind], one.number, some)
        return self.published(conn, pupils, now)

    def _teach(self, conn: sa.Connection, pupil: Pupil, number: int, lessons: Sequence[Lesson]) -> None:
        """Teach one pass, after those that the pupil missed; one that cannot be read begins again from the log."""
        try:
            _ = pupil.model
        except LearnerError as error:
            LOG.warning("%s %s begins again from its lessons: %s", pupil.point, pupil.kind, error)
            pupil.renew()
        pupil.catch_up(conn, number - 1)
        pupil.teach(lessons, number)

    def _time(self, conn: sa.Connection, pupils: Iterable[Pupil], now: datetime) -> None:
        """Measure once a day how long outcomes take, every hour while few are known."""
        stale = [pupil for pupil in pupils if pupil.stale(now)]
        if not stale:
            return
        found = log.delays(conn, {pupil.point for pupil in stale}, now - DELAYS_OF)
        for pupil in stale:
            pupil.curves = fitted(found.get(pupil.point, {}), pupil.choose.reward.within.total_seconds())
            pupil.curves_at = now.timestamp()

    def published(self, conn: sa.Connection, pupils: Sequence[Pupil], now: datetime) -> tuple[str, ...]:
        """Publish what these pupils have become; return the versions that decide."""
        self.ponder(conn, pupils, now)
        last = policies.last_number(conn, {pupil.point for pupil in pupils})
        said: list[str] = []
        rows: list[PolicyRow] = []
        for pupil in pupils:
            role: Role = "serves" if pupil.kind == self.incumbent(pupil.point) else "shadow"
            last[pupil.point] = last.get(pupil.point, 0) + 1
            rows.append(pupil.published(last[pupil.point], now, role))
            if role == "serves":
                said.append(f"{pupil.point} {pupil.version}")
        policies.publish(conn, rows)
        for point in sorted({pupil.point for pupil in pupils}):
            self._serve(conn, point)
        return tuple(said)

    def ponder(self, conn: sa.Connection, pupils: Sequence[Pupil], now: datetime) -> None:
        """Make the copies that decide: patient models are shown the decisions whose windows are open."""
        patient = [pupil for pupil in pupils if pupil.model.patient]
        found: dict[str, list[Open]] = defaultdict(list)
        for row in log.open_now(conn, {pupil.point for pupil in patient}, MOST_OPEN) if patient else ():
            point = f"{row.journey}.{row.state}"
            found[point].append(self.marker.open(point, row, now))
        for pupil in pupils:
            pupil.ponder(found[pupil.point] if pupil.model.patient else ())
