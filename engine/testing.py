"""Running the tests that stand in journey files: a person, a script, the real engine on a clock that jumps.

Rules
- Every test has an engine of its own and an empty store; all journeys run in it, as they would, or (`alone`) none but
  the one that is tested. Only timetables stand still: whoever enters by a segment, on a schedule or by hand is let in
  at the start, and a daily limit holds nobody up.
- Nothing is learned, so a test ends as it ended yesterday: a choice that matters is forced with `choose`.
- A test that fails, or cannot even be read, stops no other.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from channels.templates import Library
from engine.app import Options, usable
from engine.core.calendar import instant
from engine.core.chance import draw
from engine.core.entry import group_of
from engine.entering import Entrances
from engine.judging import Miss, judged
from engine.rehearsal import invented, unsigned
from engine.simulate import Virtual, hear, in_memory, virtual
from engine.store.connect import reading, writing
from engine.store.copying import attributes_of
from engine.store.history import timeline
from engine.store.intake import NewEvent, add_contacts, trigger
from engine.store.tables import metadata
from engine.story import Story
from journeys import EXIT, Journey
from journeys.expectation import JourneyTest
from journeys.problem import Problem
from journeys.project import Definitions, Project
from journeys.zones import zone_of

LONGEST = timedelta(days=400)
"""For how long a test is watched at most: a birthday comes once in it."""

TRIES = 2000


@dataclass(frozen=True, slots=True)
class Played:
    """One test and how it went: `misses` are the expectations that failed, `broken` why it could not be played."""

    journey: str
    test: JourneyTest
    seconds: float = 0.0
    misses: tuple[Miss, ...] = ()
    broken: tuple[Problem, ...] = ()
    visited: frozenset[str] = frozenset()

    @property
    def passed(self) -> bool:
        """Return whether everything came as expected."""
        return not self.misses and not self.broken


class NoSuchPerson(Exception):
    """Nobody can be found for the group that a test asks for."""


@dataclass(slots=True)
class Stage:
    """Where tests are played: the project with its journeys, and its templates, compiled once for all of them."""

    definitions: Definitions
    library: Library = field(init=False)
    people: dict[tuple[str, str], str] = field(default_factory=dict)
    store: sa.Engine = field(default_factory=in_memory)  # emptied for every test: to make one takes longer than a test

    def __post_init__(self) -> None:
        self.definitions = unsigned(_unhurried(self.definitions))
        self.library = Library(self.project.messages)

    @property
    def project(self) -> Project:
        return usable(self.definitions)

    def play(self, journey: Journey, test: JourneyTest) -> Played:
        """Play one test and judge it; whatever goes wrong belongs to this test."""
        began = time.perf_counter()
        if any(problem.severity == "error" for problem in test.broken):
            return Played(journey.name, test, broken=test.broken)
        try:
            story = self._story(self.definitions.journeys[journey.name], test)
        except NoSuchPerson as nobody:
            miss = Miss("group", test.group, str(nobody), (), test.place)
            return Played(journey.name, test, time.perf_counter() - began, (miss,))
        visited = frozenset(move.target for move in story.moves) - {EXIT}
        return Played(journey.name, test, time.perf_counter() - began, tuple(judged(story, test)), (), visited)

    def _story(self, journey: Journey, test: JourneyTest) -> Story:
        zone = zone_of(test.contact) or ZoneInfo(journey.timezone or self.project.timezone)
        start = instant(test.start.date(), test.start.time(), zone)
        contact_id = self._person(journey, test.group)
        _empty(self.store)
        playing = {journey.name: journey} if test.alone else self.definitions.journeys
        world = virtual(
            replace(self.definitions, journeys=playing), start, Options(seed=self.project.name, store=self.store)
        )
        self._prepare(world, journey, test, contact_id)
        _live(world, _script(test, contact_id, start), start + LONGEST)
        return _told(world, journey, contact_id, (start, zone))

    def _prepare(self, world: Virtual, journey: Journey, test: JourneyTest, contact_id: str) -> None:
        """Let the person arrive, in a world without timetables."""
        engine = world.engine
        engine.post.letters.library = self.library
        engine.entrances = Entrances({}, engine.entrances.segments, engine.zone)
        engine.forced = {f"{journey.name}.{state}": arm for state, arm in test.forced.items()}
        now = world.clock.now()
        person = invented(self.project, contact_id, test.contact, now)
        with writing(engine.store) as conn:
            add_contacts(conn, [person], now, lambda channel, address: f"{channel}:{address}")
            if journey.enter.kind != "event":
                trigger(conn, journey.name, [contact_id], now, "test")

    def close(self) -> None:
        """Give the store back."""
        self.store.dispose()

    def _person(self, journey: Journey, group: str) -> str:
        """Return the id of a person whom chance puts in this group."""
        known = self.people.get((journey.name, group))
        if known is None:
            known = _somebody(journey, group, self.project)
            self.people[journey.name, group] = known
        return known


def _empty(store: sa.Engine) -> None:
    with writing(store) as conn:
        for table in reversed(metadata.sorted_tables):
            conn.execute(sa.delete(table))


def _unhurried(definitions: Definitions) -> Definitions:
    """Return the journeys without limits on how many may enter a day."""
    free = {name: replace(j, enter=replace(j.enter, limit=None)) for name, j in definitions.journeys.items()}
    return replace(definitions, journeys=free, problems=())


def _somebody(journey: Journey, group: str, project: Project) -> str:
    for n in range(TRIES):
        name = f"test-{n}"
        held = group_of(journey, name, project.name, project.holdout) != "learner"
        if (group == "holdout") == held and (held or _drawn(journey, project.name, name) == (group == "baseline")):
            return name
    raise NoSuchPerson(f"nobody: this journey has no {group}")


def _drawn(journey: Journey, seed: str, contact_id: str) -> bool:
    """Return whether a person is in the baseline of a decision."""
    shares = {state: choose.baseline[1] for state, choose in journey.choices if choose.baseline}
    return any(draw(seed, "baseline", contact_id, f"{journey.name}.{s}") < share for s, share in shares.items())


def _script(test: JourneyTest, contact_id: str, start: datetime) -> list[NewEvent]:
    return [
        NewEvent(f"test-{n:03}", contact_id, one.event, start + one.after, one.data, "test")
        for n, one in enumerate(test.events)
    ]


def _live(world: Virtual, events: Iterable[NewEvent], until: datetime) -> None:
    """Go from alarm to alarm until nothing more is to come."""
    waiting = sorted(events, key=lambda event: (event.at or until, event.id))
    while True:
        alarm, event_at = world.engine.next_alarm(), waiting[0].at if waiting else None
        at = min((x for x in (alarm, event_at) if x is not None), default=None)
        if at is None or at > until:
            return
        world.clock.jump(at)
        now = world.clock.now()
        hear(world, [event for event in waiting if (event.at or now) <= now])
        waiting = [event for event in waiting if (event.at or now) > now]
        world.act(learn=False)


def _told(world: Virtual, journey: Journey, contact_id: str, where: tuple[datetime, tzinfo]) -> Story:
    with reading(world.engine.store) as conn:
        entries = timeline(conn, contact_id)
        attributes: Mapping[str, Any] = attributes_of(conn, contact_id)
    start, zone = where
    declared = world.engine.project.data.attributes
    known = {name: one.default for name, one in declared.items() if one.default is not None} | dict(attributes)
    return Story(journey, entries, known, start, zone)


def unvisited(journey: Journey, played: Sequence[Played]) -> list[str]:
    """Return the states that no test of the journey came through, in file order."""
    seen = frozenset[str]().union(*(one.visited for one in played if one.journey == journey.name))
    return [name for name in journey.states if name not in seen]
