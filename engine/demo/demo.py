"""The demo from its first file to its report, in five phases."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from channels.maildir import MaildirChannel
from engine.app import Options, build
from engine.clock import SimulatedClock
from engine.demo import files
from engine.demo.crowd import Crowd
from engine.demo.doors import Noted
from engine.demo.past import HALVES, Half, live_through, merge, save
from engine.demo.showing import Shown, shown
from engine.deploying import deploy
from engine.planning import Wish as Changes
from engine.report.page import page
from engine.simulate import CROWD, Virtual
from engine.store import membership
from engine.store.connect import open_store, reading
from engine.store.tables import to_micros
from engine.world import People, World
from journeys.project import Definitions

START = datetime(2025, 8, 10, tzinfo=UTC)
"""Ninety days from here hold both nights on which clocks change in Europe and in America."""

LEARN_EVERY = timedelta(hours=6)
MAIL_DAYS = 7
LAPSED = "lapsed_90d"
STORE, MAILBOX, REPORT = "sojourn.db", "mailbox", "report.html"


@dataclass(frozen=True, slots=True)
class Wish:
    """What to play: how many people, days of a plain test and live days, from which seed, into which folder."""

    folder: Path
    contacts: int = 5000
    history: int = 60
    days: int = 30
    seed: int = 7

    @property
    def live_at(self) -> datetime:
        return START + timedelta(days=self.history)

    @property
    def end(self) -> datetime:
        return self.live_at + timedelta(days=self.days)


class Stage(Protocol):
    """Who watches: `begin` a phase, `at` so many days of it, `end` it with what came of it."""

    def begin(self, name: str, days: int = 0) -> None: ...
    def at(self, day: float) -> None: ...
    def end(self, says: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Played:
    """What the demo leaves behind."""

    shown: Shown
    mails: int
    report: Path
    size: int


def play(wish: Wish, stage: Stage) -> Played:
    """Play the demo; the folder must be empty or new."""
    with _unhurried(), TemporaryDirectory() as temporary:
        definitions, world = _people(wish, stage)
        stage.begin("history", wish.history)
        halves = [_half(wish, n, Path(temporary)) for n in range(HALVES)]
        lived = live_through(halves, stage.at)
        says = f"{wish.history} days of a plain A/B/n test, what most shops have"
        stage.end(f"{says}: {lived.ticked.decisions:,} decisions")
        stage.begin("live", wish.days)
        crowd, mail = _go_live(wish, definitions, world, halves)
        crowd.recall(lived.coming, lived.memory)
        before = _inside(crowd)
        crowd.live(wish.end, lambda at: stage.at((at - wish.live_at) / timedelta(days=1)))
        done = crowd.virtual.ticked
        says = f"{wish.days} days, {len(definitions.journeys)} journeys, learning every 6 hours"
        stage.end(f"{says}: {done.sends:,} messages, {done.holds:,} times held; {_filled(before, _inside(crowd))}")
        stage.begin("mail")
        save(crowd.virtual.engine.store, wish.folder / STORE)
        stage.end(f"{mail.kept:,} real MIME messages of the last {min(MAIL_DAYS, wish.days)} days in {MAILBOX}/")
        played = _reported(wish, stage, crowd, mail)
        crowd.virtual.engine.close()
    return played


def _inside(crowd: Crowd) -> int:
    """Return how many people are in the segment that the shop wins back."""
    with reading(crowd.virtual.engine.store) as conn:
        return membership.sizes(conn).get(LAPSED, 0)


def _filled(before: int, now: int) -> str:
    return f"segment {LAPSED}: {before:,} people, then {now:,}"


def _people(wish: Wish, stage: Stage) -> tuple[Definitions, World]:
    stage.begin("people")
    definitions = files.write(wish.folder, wish.seed)
    world = World(wish.seed, wish.contacts, START)
    people = world.people
    places = f"{_different(people, 'country')} countries, {_different(people, 'timezone')} time zones"
    stage.end(f"{people.count:,} contacts, {places}")
    return definitions, world


def _half(wish: Wish, number: int, folder: Path) -> Half:
    path = folder / f"half-{number}.db"
    return Half(number, wish.folder.resolve(), wish.seed, wish.contacts, START, wish.history, path)


def _reported(wish: Wish, stage: Stage, crowd: Crowd, mail: Noted) -> Played:
    stage.begin("report")
    engine = crowd.virtual.engine
    with reading(engine.store) as conn:
        found = shown(conn, engine.definitions, crowd.world, wish.live_at, wish.end)
    report = wish.folder / REPORT
    report.write_text(page(found.findings), encoding="utf-8")
    size = report.stat().st_size
    stage.end(f"{REPORT}, one file, {size // 1000} kB")
    return Played(found, mail.kept, report, size)


@contextmanager
def _unhurried() -> Iterator[None]:
    """Let the interpreter look for cycles rarely: it would walk through all the invented people again and again."""
    before = gc.get_threshold()
    gc.set_threshold(200_000, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _different(people: People, attribute: str) -> int:
    return len({person.attributes[attribute] for person in people.all})


def _go_live(wish: Wish, definitions: Definitions, world: World, halves: Sequence[Half]) -> tuple[Crowd, Noted]:
    """Take the project's own files as deployed, and teach the learner everything the plain test has seen."""
    clock = SimulatedClock(wish.live_at)
    folder = MaildirChannel(wish.folder / MAILBOX, lambda: to_micros(clock.now()))
    mail = Noted("email", clock, folder, wish.end - timedelta(days=MAIL_DAYS))
    doors = {"email": mail, "push": Noted("push", clock)}
    store = open_store("sqlite://")
    merge(halves, store)
    deploy(store, definitions, Changes(), wish.live_at)
    virtual = Virtual(build(definitions, Options(clock=clock, channels=doors, store=store, limits=CROWD)), clock, {})
    virtual.take_over(virtual.engine)
    virtual.learn_every = LEARN_EVERY
    virtual.engine.learn()
    return Crowd(world, virtual, tuple(doors.values()), learn=True), mail
