"""The demo from its first file to its report, in five phases."""

from __future__ import annotations

import gc
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol, cast

import sqlalchemy as sa

from channels.maildir import MaildirChannel
from engine.app import Options, build
from engine.clock import SimulatedClock
from engine.demo import files
from engine.demo.crowd import Crowd
from engine.demo.doors import Noted
from engine.demo.showing import Shown, shown
from engine.report.page import page
from engine.simulate import CROWD, virtual
from engine.store.connect import reading
from engine.store.tables import to_micros
from engine.world import People, World
from journeys.project import Definitions

START = datetime(2025, 8, 10, tzinfo=UTC)
"""Ninety days from here hold both nights on which clocks change in Europe and in America."""

LEARN_EVERY = timedelta(hours=6)
MAIL_DAYS = 7
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
    with _unhurried():
        stage.begin("people")
        definitions = files.write(wish.folder, wish.seed)
        with files.as_plain_test(wish.folder) as plain:
            crowd, mail = _moved_in(wish, plain)
            people = crowd.world.people
            stage.end(f"{people.count:,} contacts, {_different(people, 'country')} countries, "
                      f"{_different(people, 'timezone')} time zones")  # fmt: skip
            stage.begin("history", wish.history)
            crowd.live(wish.live_at, lambda at: stage.at((at - START) / timedelta(days=1)))
        ticked = crowd.virtual.ticked
        stage.end(f"{wish.history} days of a plain A/B/n test, what most shops have: {ticked.decisions:,} decisions")
        stage.begin("live", wish.days)
        _go_live(crowd, definitions)
        crowd.live(wish.end, lambda at: stage.at((at - wish.live_at) / timedelta(days=1)))
        done = crowd.virtual.ticked
        stage.end(f"{wish.days} days, {len(definitions.journeys)} journeys, learning every 6 hours: "
                  f"{done.sends - ticked.sends:,} messages, {done.holds - ticked.holds:,} times held")  # fmt: skip
        stage.begin("mail")
        _save(crowd.virtual.engine.store, wish.folder / STORE)
        stage.end(f"{mail.kept:,} real MIME messages of the last {min(MAIL_DAYS, wish.days)} days in {MAILBOX}/")
        stage.begin("report")
        with reading(crowd.virtual.engine.store) as conn:
            found = shown(conn, definitions, crowd.world, wish.live_at, wish.end)
        report = wish.folder / REPORT
        report.write_text(page(found.findings), encoding="utf-8")
        size = report.stat().st_size
        stage.end(f"{REPORT}, one file, {size // 1000} kB")
        crowd.virtual.engine.close()
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


def _moved_in(wish: Wish, plain: Definitions) -> tuple[Crowd, Noted]:
    """Return the people, moved in, before an engine in memory; and the door of their mail."""
    clock = SimulatedClock(START)
    folder = MaildirChannel(wish.folder / MAILBOX, lambda: to_micros(clock.now()))
    mail = Noted("email", clock, folder, wish.end - timedelta(days=MAIL_DAYS))
    doors = {"email": mail, "push": Noted("push", clock)}
    world = virtual(plain, START, Options(channels=doors, limits=CROWD), clock)
    crowd = Crowd(World(wish.seed, wish.contacts, START), world, tuple(doors.values()))
    crowd.move_in()
    gc.collect()
    gc.freeze()
    return crowd, mail


def _go_live(crowd: Crowd, definitions: Definitions) -> None:
    """Take the project's own files as deployed, and teach the learner everything the plain test has seen."""
    before = crowd.virtual
    options = Options(clock=before.clock, channels=before.engine.post.channels, store=before.engine.store, limits=CROWD)
    crowd.virtual.take_over(build(definitions, options))
    crowd.virtual.learn_every = LEARN_EVERY
    crowd.learn = True
    before.engine.learn()


def _save(store: sa.Engine, path: Path) -> None:
    """Copy the store in memory to a file, whole."""
    with store.connect() as conn, closing(sqlite3.connect(path)) as target:
        cast("sqlite3.Connection", conn.connection.dbapi_connection).backup(target)
