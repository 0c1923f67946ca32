"""The engine: tick steps people, deliver sends, learn rewards. Three sentences of one shape: claim, think, commit.

Rules
- Production, simulation and tests all enter here; only clock, store and channels differ.
- A tick is one transaction: what was claimed, decided and queued commits together or not at all.
- One contact's bug parks that contact, and so does a row that the store refuses; the batch goes on.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from engine import needs as needed
from engine.clock import Clock
from engine.core.model import Moment, Snapshot
from engine.core.walk import walk
from engine.entering import Entrances
from engine.interesting import Interesting
from engine.posting import Post, Posted
from engine.rhythm import Rhythm
from engine.segments import Segments, listened
from engine.store import intake, stepping
from engine.store.connect import beside, reading, writing
from engine.store.deploying import Standing, standing
from engine.store.stepping import Acting, Walked
from engine.teaching import Taught, Teacher
from engine.versions import Versions
from engine.warming import Warming, warming
from journeys import Journey
from journeys.project import Definitions, Project

LOG = logging.getLogger("sojourn")


@dataclass(frozen=True, slots=True)
class Limits:
    """Named limits: contacts per tick, messages per deliver, decisions per learn, and how long a claim holds."""

    contacts: int = 1000
    messages: int = 500
    decisions: int = 5000
    lease: timedelta = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Ticked:
    """What one tick did. `due` contacts were looked at; the rest are counts of rows written."""

    due: int = 0
    started: int = 0
    moves: int = 0
    decisions: int = 0
    sends: int = 0
    calls: int = 0
    shadows: int = 0
    holds: int = 0
    skips: int = 0
    left: int = 0
    parked: int = 0
    emitted: int = 0  # events of journeys, which ring at once

    def __add__(self, other: Ticked) -> Ticked:
        names = self.__slots__
        return Ticked(**{name: getattr(self, name) + getattr(other, name) for name in names})


@dataclass(slots=True)
class Engine:
    """The parts, put together by app.build."""

    store: sa.Engine
    clock: Clock
    definitions: Definitions
    post: Post
    teacher: Teacher
    entrances: Entrances
    seed: str
    zone: tzinfo
    limits: Limits = field(default_factory=Limits)
    forced: dict[str, str] = field(default_factory=dict)
    versions: Versions | None = None  # None: nobody deploys here, what was given runs
    _needs: stepping.Needs | None = None
    _rhythm: Rhythm | None = None
    _warming: Warming | None = None
    _segments: Segments | None = None

    @property
    def journeys(self) -> dict[str, Journey]:
        return dict(self.definitions.journeys)

    @property
    def project(self) -> Project:
        project = self.definitions.project
        if project is None:
            raise AssertionError("an engine is built from a project that loads")
        return project

    @property
    def needs(self) -> stepping.Needs:
        if self._needs is None:
            project = self.project
            self._needs = needed.needs(self.journeys.values(), project.data.segments, needed.signs_in(project))
        return self._needs

    @property
    def segments(self) -> Segments:
        """Return who moves people between segments, by what runs."""
        if self._segments is None:
            self._segments = Segments(self.project.data, self.zone, listened(self.definitions.journeys.values()))
        return self._segments

    @property
    def paused(self) -> frozenset[str]:
        """Return what is paused now: "journey", "journey.state", "" for everything."""
        with reading(self.store) as conn:
            return standing(conn).paused

    def tick(self) -> Ticked:
        """Step the contacts that are due, at most `limits.contacts` of them, by the versions that are live."""
        while True:
            self.teacher.refresh(self.store)
            self.segments.ready(self.store, self.clock.now())
            with writing(self.store) as conn:
                beside(conn)
                stands = standing(conn)
                if self.versions is None or not self.versions.outdated(stands):
                    return self._tick(conn, stands)
            self._take_up()

    def _tick(self, conn: sa.Connection, stands: Standing) -> Ticked:
        now = self.clock.now()
        self.entrances.open(conn, now)
        claimed = stepping.due(conn, now, self.limits.contacts)
        if not claimed:
            return Ticked()
        interesting = Interesting(self.project.data)
        before = interesting.note(conn, claimed, now)
        dues = self.segments.stand(conn, claimed, now)
        snapshots = stepping.load(conn, claimed, now, self.needs)
        moment = replace(self.moment(now, conn), paused=stands.paused)
        walks, broken = self._walked(self.teacher.laid(snapshots, moment), moment)
        broken |= self._committed(conn, walks, moment)
        interesting.forget(conn, before, broken.keys(), now)
        for contact_id, reason in broken.items():
            stepping.park(conn, contact_id, reason, now)
        self.segments.commit(conn, dues, [walked for walked in walks if walked.snapshot.contact.id not in broken], now)
        ticked = counted(walks, len(broken))
        if ticked.decisions:
            self.teacher.drew()
        return ticked

    def _take_up(self) -> None:
        """Go on with what was deployed since: the parts that know the journeys are made anew."""
        if self.versions is None:
            return
        with reading(self.store) as conn:
            self.definitions = self.versions.take_up(conn)
        journeys = self.definitions.journeys
        self.post.letters = replace(self.post.letters, project=self.project, journeys=journeys)
        self.teacher = Teacher(journeys, self.zone, self.teacher.alone)
        self.entrances = Entrances(journeys, self.project.data.segments, self.zone)
        self._needs = self._rhythm = self._warming = self._segments = None

    def moment(self, now: datetime, conn: sa.Connection) -> Moment:
        """Return what holds for this tick."""
        if self._rhythm is None or self._warming is None:
            self._rhythm = Rhythm(self.needs.hours, ZoneInfo(self.project.timezone))
            self._warming = warming(self.journeys.values())
        return Moment(
            now=now,
            zone=self.zone,
            seed=self.seed,
            holdout=self.project.holdout,
            policies=self.teacher.policies,
            decided=self.teacher.decided(conn),
            stopped=self.teacher.stopped,
            warming=self._warming.arms(conn, now),
            hours=self._rhythm.hours(conn, now),
            segments=self.project.data.segments,
            forced=self.forced,
        )

    def _walked(self, snapshots: Iterable[Snapshot], moment: Moment) -> tuple[list[Walked], dict[str, str]]:
        walks: list[Walked] = []
        broken: dict[str, str] = {}
        journeys = self.definitions.journeys
        for snapshot in snapshots:
            try:
                walks.append(Walked(snapshot, tuple(walk(journeys, snapshot, moment))))
            except Exception as bug:  # noqa: BLE001 - whatever it is, it is one contact's: the batch goes on
                LOG.warning("contact %s is parked: %r", snapshot.contact.id, bug)
                broken[snapshot.contact.id] = "".join(traceback.format_exception(bug))[-2000:]
        return walks, broken

    def _committed(self, conn: sa.Connection, walks: list[Walked], moment: Moment) -> dict[str, str]:
        """Write all walks at once; when a row is refused, one by one, and return whose it was."""
        try:
            with conn.begin_nested():
                stepping.commit(conn, walks, moment.now, self._acting(moment))
        except (sa.exc.StatementError, ValueError, TypeError) as error:
            if isinstance(error, (sa.exc.OperationalError, sa.exc.InternalError)):
                raise  # the database's trouble, not a row's
            if len(walks) > 1:
                halves = (walks[: len(walks) // 2], walks[len(walks) // 2 :])
                first, second = (self._committed(conn, half, moment) for half in halves)
                return first | second
            LOG.warning("contact %s is parked: %s", walks[0].snapshot.contact.id, error)
            return {walks[0].snapshot.contact.id: f"cannot be written: {error}"[:2000]}
        return {}

    def _acting(self, moment: Moment) -> Acting:
        return Acting({name: journey.version for name, journey in self.definitions.journeys.items()}, moment.paused)

    def deliver(self) -> Posted:
        """Send what is due, at most `limits.messages` per channel."""
        return self.post.deliver(self.store, self.clock, self.limits)

    def learn(self) -> Taught:
        """Reward the decisions that something happened to, and publish what was learned."""
        return self.teacher.learn(self.store, self.clock.now(), self.limits.decisions)

    def next_alarm(self) -> datetime | None:
        """Return the next instant at which a contact or an entrance is due, None when nothing ever is."""
        with reading(self.store) as conn:
            alarm = stepping.next_alarm(conn)
            entrance = self.entrances.next_at(conn)
        return min((at for at in (alarm, entrance) if at is not None), default=None)

    def drain(self) -> Ticked:
        """Tick until nothing is due at this instant."""
        total = ticked = self.tick()
        while ticked.emitted or ticked.due >= self.limits.contacts:  # a walk ends only when nothing more is due
            total = total + (ticked := self.tick())
        return total

    def record(self, events: Sequence[intake.NewEvent]) -> intake.Recorded:
        """Take in events and ring their contacts' alarms."""
        now = self.clock.now()
        with writing(self.store) as conn:
            return intake.record(conn, events, now, self.post.skip_after)

    def close(self) -> None:
        """Close the channels and the store's connections."""
        self.post.close()
        self.store.dispose()


def counted(walks: Sequence[Walked], parked: int) -> Ticked:
    """Return what the walks add up to."""
    steps = [step for walked in walks for step in walked.steps]
    refusals = [refusal for step in steps for refusal in step.refusals]
    return Ticked(
        due=len(walks) + parked,
        started=sum(step.started for step in steps),
        moves=sum(len(step.moves) for step in steps),
        decisions=sum(len(step.decisions) for step in steps),
        sends=sum(not send.shadow for step in steps for send in step.sends),
        calls=sum(len(step.calls) for step in steps),
        shadows=sum(send.shadow for step in steps for send in step.sends),
        holds=sum(refusal.until is not None for refusal in refusals),
        skips=sum(refusal.until is None for refusal in refusals),
        left=sum(step.enrollment.status == "left" for step in steps),
        parked=parked,
        emitted=sum(len(step.emitted) for step in steps),
    )
